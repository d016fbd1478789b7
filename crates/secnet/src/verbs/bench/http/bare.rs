//! The same bytes through a bare axum handler: what could be at most, on this machine, in this run.

use axum::Router;
use axum::body::Body;
use axum::routing::{get, post};
use bytes::{Bytes, BytesMut};
use std::path::PathBuf;
use tokio::io::AsyncReadExt as _;
use tokio::sync::watch;

use super::super::Place;
use super::load::{Answered, Load, Written};
use super::world::listen;
use crate::failure::Failure;

/// A handler that takes the whole body and answers so many bytes, with so many clients.
pub(super) async fn answers(
    place: &Place,
    (asked, answered): (usize, usize),
    (clients, each): (usize, usize),
) -> Result<Answered, Failure> {
    let answer = Bytes::from(vec![b'x'; answered]);
    let handler = move |_: Bytes| {
        let answer = answer.clone();
        async move { answer }
    };
    let (authority, stop) = listen(Router::new().route("/", post(handler))).await?;
    let body = "x".repeat(asked);
    let call = Written::new(("POST", "/"), &authority, None, Some(&body));
    let calls = vec![vec![call]; clients];
    let done = Load { place, authority: &authority, calls }.closed(each).await;
    stop.send_replace(true);
    done
}

/// A handler that streams a file, in pieces of so many bytes.
pub(super) async fn file(
    path: PathBuf,
    piece: usize,
) -> Result<(String, watch::Sender<bool>), Failure> {
    let handler = move || stream(path.clone(), piece);
    listen(Router::new().route("/", get(handler))).await
}

async fn stream(path: PathBuf, piece: usize) -> Result<impl axum::response::IntoResponse, String> {
    let file = tokio::fs::File::open(path).await.map_err(|error| error.to_string())?;
    let length = file.metadata().await.map_err(|error| error.to_string())?.len();
    let pieces = futures::stream::try_unfold(file, move |mut file| async move {
        let mut bytes = BytesMut::with_capacity(piece);
        let read = file.read_buf(&mut bytes).await?;
        Ok::<_, std::io::Error>((read > 0).then(|| (bytes.freeze(), file)))
    });
    Ok((
        [("content-length", length)].map(|(name, value)| (name, value.to_string())),
        Body::from_stream(pieces),
    ))
}
