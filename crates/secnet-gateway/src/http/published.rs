//! The published log: checkpoint and tiles as plain files (C2SP `tlog-tiles`). Whoever keeps checkpoints elsewhere can show
//! from them that the log was only ever appended to. Bundles of entries are for the node's administrators: others must not
//! read off them what they may not know of.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use secnet_crypto::TileId;

use crate::auth::Caller;
use crate::http::query::At;
use crate::{Gateway, Problem};

/// Longest file that is served to everybody, in bytes: a full tile has 8,192, a checkpoint less than 65,536.
const MAX_FILE: u64 = 65_536;
/// Longest bundle of entries, in bytes: 256 events of at most 65,535 bytes, each with its length.
const MAX_BUNDLE: u64 = 256 * (65_535 + 2);
/// What never changes.
const KEPT: &str = "public, max-age=31536000, immutable";

type File = ([(HeaderName, &'static str); 2], Vec<u8>);

/// The newest signed checkpoint.
#[utoipa::path(get, path = "/checkpoint", tag = "receipts", responses(
    (status = 200, description = "A C2SP signed note.", body = String, content_type = "text/plain"),
    (status = 404, description = "This node publishes no log.", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn checkpoint(State(gateway): State<Arc<Gateway>>) -> Result<File, Box<Problem>> {
    let note = read(&gateway, "checkpoint", MAX_FILE).await?;
    Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8"), (CACHE_CONTROL, "no-cache")], note))
}

/// A tile of hashes, such as `/tile/0/x001/234` or `/tile/0/001.p/17`. OpenAPI has no parameter of several segments, so that the
/// document does not list it.
pub(crate) async fn tile(
    State(gateway): State<Arc<Gateway>>,
    At(tile): At<String>,
) -> Result<File, Box<Problem>> {
    // Only what is spelled as a tile reaches the disk.
    let tile: TileId = format!("tile/{tile}").parse().map_err(|_| Problem::not_published())?;
    let hashes = read(&gateway, &tile.to_string(), MAX_FILE).await?;
    Ok(([(CONTENT_TYPE, "application/octet-stream"), (CACHE_CONTROL, KEPT)], hashes))
}

/// A bundle of 256 events, or of fewer at the end of the log, such as `/tile/entries/x001/234` or `/tile/entries/001.p/17`; not
/// in the document either.
pub(crate) async fn bundle(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    At(bundle): At<String>,
) -> Result<File, Box<Problem>> {
    gateway.administers(&caller)?;
    // Spelled as the tile of hashes over the same events is, which only what is plain can be.
    let tile: TileId = format!("tile/0/{bundle}").parse().map_err(|_| Problem::not_published())?;
    let file = tile.to_string().replacen("tile/0/", "tile/entries/", 1);
    let entries = read(&gateway, &file, MAX_BUNDLE).await?;
    // No cache on the way keeps it for somebody else.
    Ok(([(CONTENT_TYPE, "application/octet-stream"), (CACHE_CONTROL, "no-store")], entries))
}

async fn read(gateway: &Gateway, file: &str, most: u64) -> Result<Vec<u8>, Box<Problem>> {
    let folder = gateway.published_log.as_deref().ok_or_else(Problem::not_published)?;
    read_short(&folder.join(file), most).await.map_err(|error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => Problem::not_published(),
        _ => Problem::busy(),
    })
}

async fn read_short(file: &Path, most: u64) -> std::io::Result<Vec<u8>> {
    let length = tokio::fs::metadata(file).await?.len();
    if length > most {
        return Err(ErrorKind::FileTooLarge.into());
    }
    tokio::fs::read(file).await
}
