//! A published log somewhere: a node's, or plain files on a web server. Nothing in it is believed before it is checked.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::{StatusCode, Url};
use secnet_crypto::merkle::tile::{TILE_WIDTH, TileNodes, parse_tile};
use secnet_crypto::{Hash, MerkleError, TileId, merkle};

use super::connection;
use crate::evidence::MAX_CHECKPOINT_BYTES;
use crate::failure::{Exit, Failure};

/// Longest tile, in bytes.
const MAX_TILE_BYTES: u64 = TILE_WIDTH as u64 * 32;

/// How long one answer may take, until all of it is there.
const READ_TIME: Duration = Duration::from_secs(60);

/// Where a log is published.
pub(crate) struct Published {
    http: reqwest::Client,
    /// Ends without a slash.
    base: String,
}

/// Why nothing could be read.
#[derive(Debug)]
pub(crate) enum NotRead {
    /// Nobody answers, or not with what was asked for; it may do so later.
    Unreachable(String),
    /// It is not there.
    Missing,
}

impl Published {
    pub(crate) fn new(url: &str, ca: Option<&[u8]>) -> Result<Self, Failure> {
        let bad = |why: &str| {
            Failure::new("bad-url", format!("`{url}` {why}"))
                .hint("give the address of a node, such as http://127.0.0.1:8420, or of the folder that `log` is published as")
                .exit(Exit::Usage)
        };
        let parsed = Url::parse(url).map_err(|error| bad("is no address").because(&error))?;
        let host = parsed.host_str().ok_or_else(|| bad("names no host"))?.to_owned();
        let plain = parsed.query().is_none() && parsed.fragment().is_none();
        let nobody = parsed.username().is_empty() && parsed.password().is_none();
        if !matches!(parsed.scheme(), "http" | "https") || !plain || !nobody {
            return Err(bad("is not where a log is published"));
        }
        let http = connection::http(&host, ca)?;
        Ok(Self { http, base: parsed.as_str().trim_end_matches('/').to_owned() })
    }

    /// Where it is.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// The checkpoint, as it is there.
    pub(crate) async fn checkpoint(&self) -> Result<String, NotRead> {
        let bytes = self.read("checkpoint", MAX_CHECKPOINT_BYTES).await?;
        String::from_utf8(bytes)
            .map_err(|_| NotRead::Unreachable("what it sends is no text".into()))
    }

    async fn read(&self, path: &str, limit: u64) -> Result<Vec<u8>, NotRead> {
        let failed = |error: reqwest::Error| NotRead::Unreachable(connection::why(&error));
        let request = self.http.get(format!("{}/{path}", self.base)).timeout(READ_TIME);
        let mut response = request.send().await.map_err(failed)?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Err(NotRead::Missing),
            other => return Err(NotRead::Unreachable(format!("it answers {}", other.as_u16()))),
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if (bytes.len() as u64).saturating_add(chunk.len() as u64) > limit {
                return Err(NotRead::Unreachable(format!("it sends more than {limit} bytes")));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }
}

/// The hashes of a published log of one size.
pub(crate) struct Tiles<'a> {
    published: &'a Published,
    size: u64,
    read: BTreeMap<TileId, Vec<Hash>>,
}

/// Why a root does not come out of the tiles that are here.
enum NotHere {
    Tile(TileId),
    Never,
}

impl From<MerkleError> for NotHere {
    fn from(_: MerkleError) -> Self {
        Self::Never
    }
}

impl<'a> Tiles<'a> {
    /// Of the log of `size` events that is published there.
    pub(crate) const fn new(published: &'a Published, size: u64) -> Self {
        Self { published, size, read: BTreeMap::new() }
    }

    /// The root over the first events, from the tiles that this takes, some for each 256 times as many events.
    pub(crate) async fn root(&mut self, events: u64) -> Result<Hash, NotRead> {
        loop {
            let here = |tile| self.read.get(&tile).cloned().ok_or(NotHere::Tile(tile));
            match merkle::root(&TileNodes::new(self.size, here), events) {
                Ok(root) => return Ok(root),
                Err(NotHere::Tile(tile)) => {
                    let bytes = self.published.read(&tile.to_string(), MAX_TILE_BYTES).await?;
                    let hashes = parse_tile(tile, &bytes)
                        .map_err(|error| NotRead::Unreachable(error.to_string()))?;
                    self.read.insert(tile, hashes);
                }
                Err(NotHere::Never) => return Err(NotRead::Missing),
            }
        }
    }
}
