//! The published log: checkpoint and tiles as plain files (C2SP `tlog-tiles`). Whoever keeps checkpoints elsewhere can show
//! from them that the log was only ever appended to. Bundles of entries are not served here: what members may not know of
//! must not be read off them.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use secnet_crypto::TileId;

use crate::http::query::At;
use crate::{Gateway, Problem};

/// Longest file that is served, in bytes: a full tile has 8,192, a checkpoint less than 65,536.
const MAX_FILE: u64 = 65_536;

type File = ([(HeaderName, &'static str); 2], Vec<u8>);

/// The newest signed checkpoint.
#[utoipa::path(get, path = "/checkpoint", tag = "receipts", responses(
    (status = 200, description = "A C2SP signed note.", body = String, content_type = "text/plain"),
    (status = 404, description = "This node publishes no log.", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn checkpoint(State(gateway): State<Arc<Gateway>>) -> Result<File, Box<Problem>> {
    let note = read(&gateway, "checkpoint").await?;
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
    let hashes = read(&gateway, &tile.to_string()).await?;
    let kept = "public, max-age=31536000, immutable";
    Ok(([(CONTENT_TYPE, "application/octet-stream"), (CACHE_CONTROL, kept)], hashes))
}

async fn read(gateway: &Gateway, file: &str) -> Result<Vec<u8>, Box<Problem>> {
    let folder = gateway.published_log.as_deref().ok_or_else(Problem::not_published)?;
    read_short(&folder.join(file)).await.map_err(|error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => Problem::not_published(),
        _ => Problem::busy(),
    })
}

async fn read_short(file: &Path) -> std::io::Result<Vec<u8>> {
    let length = tokio::fs::metadata(file).await?.len();
    if length > MAX_FILE {
        return Err(ErrorKind::FileTooLarge.into());
    }
    tokio::fs::read(file).await
}
