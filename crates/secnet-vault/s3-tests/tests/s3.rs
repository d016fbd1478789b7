//! The vault's contract on S3: a real S3 server (signatures, multipart, copies) in this process, files behind it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::needless_pass_by_value,
    clippy::cast_possible_truncation,
    clippy::large_futures,
    clippy::too_many_lines,
    clippy::type_complexity,
    reason = "tests say what went wrong by failing there"
)]

#[path = "../../tests/contract/mod.rs"]
mod contract;

use std::path::Path;
use std::sync::Arc;

use contract::{Subject, all, damage_file};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use s3s::{auth::SimpleAuth, service::S3ServiceBuilder};
use secnet_vault::{S3Keys, S3Settings, SegmentVault};

const BUCKET: &str = "vault";

/// Starts the server on a free port; it serves until the test ends.
async fn serve(root: &Path) -> String {
    std::fs::create_dir_all(root.join(BUCKET)).unwrap();
    let files = s3s_fs::FileSystem::new(root).unwrap();
    let mut builder = S3ServiceBuilder::new(files);
    builder.set_auth(SimpleAuth::from_single("access", "secret"));
    let service = builder.build();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let service = service.clone();
            tokio::spawn(async move {
                let http = Builder::new(TokioExecutor::new());
                // A client that hangs up is no failure of the server.
                drop(http.serve_connection(TokioIo::new(socket), service).await);
            });
        }
    });
    endpoint
}

fn keys(access_key: &str, secret_key: &str) -> Arc<S3Keys> {
    let secret_key = secret_key.to_owned().into();
    Arc::new(S3Keys { access_key: access_key.into(), secret_key, session_token: None })
}

fn settings(endpoint: String) -> S3Settings {
    S3Settings {
        bucket: BUCKET.into(),
        prefix: "pdc".into(),
        region: "us-east-1".into(),
        endpoint: Some(endpoint),
        keys: keys("access", "secret"),
        ca: None,
        allow_http: true,
        retries: 1,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(serve(folder.path()).await);
    let root = folder.path().join(BUCKET).join("pdc");
    all(&Subject {
        open: Box::new(move || SegmentVault::s3(&settings).unwrap()),
        damage: Box::new(move |name, damage| damage_file(&root, name, damage)),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_secret_is_refused() {
    use secnet_app::ports::{Vault as _, VaultError};
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(serve(folder.path()).await);
    settings.keys = keys("access", "another");
    let vault = SegmentVault::s3(&settings).unwrap();
    let refused = vault.put_segment(b"x".as_slice().into()).await;
    assert!(matches!(refused, Err(VaultError::Storage(_))));
    assert!(!format!("{settings:?}").contains("another"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whose_a_place_is_and_why_it_cannot_be_used_is_told() {
    use secnet_vault::{OwnerId, PlaceError};
    let folder = tempfile::tempdir().unwrap();
    let endpoint = serve(folder.path()).await;
    let good = settings(endpoint.clone());
    let vault = SegmentVault::s3(&good).unwrap();
    let (mine, another) = (OwnerId::random(), OwnerId::random());
    assert_eq!(vault.owner().await, Ok(None));
    vault.claim(mine).await.unwrap();
    assert_eq!(vault.owner().await, Ok(Some(mine)));
    assert_eq!(vault.claim(another).await, Err(PlaceError::Taken));
    vault.try_writing().await.unwrap();
    assert_eq!(vault.clear_staging().await, Ok(0));
    // Beside it there is room for others, and a name that only begins alike is another place.
    let beside = SegmentVault::s3(&S3Settings { prefix: "pd".into(), ..good.clone() }).unwrap();
    beside.claim(another).await.unwrap();
    vault.give_up(mine).await.unwrap();
    assert_eq!((vault.owner().await, beside.owner().await), (Ok(None), Ok(Some(another))));

    let refused = |wrong: S3Settings| async move {
        let vault = SegmentVault::s3(&wrong).unwrap();
        vault.owner().await.unwrap_err()
    };
    let other = |change: fn(&mut S3Settings)| {
        let mut settings = good.clone();
        change(&mut settings);
        settings
    };
    assert_eq!(refused(other(|s| s.bucket = "nowhere".into())).await, PlaceError::NoBucket);
    assert_eq!(refused(other(|s| s.keys = keys("access", "another"))).await, PlaceError::Refused);
    assert_eq!(refused(other(|s| s.keys = keys("nobody", "secret"))).await, PlaceError::Refused);
    // Nobody listens there: it was given back.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nowhere = Some(format!("http://{port}"));
    let nowhere = S3Settings { endpoint: nowhere, retries: 0, ..good.clone() };
    let unreachable = refused(nowhere).await;
    assert!(matches!(unreachable, PlaceError::Unreachable(_)), "{unreachable}");
    let wrong = S3Settings { keys: keys("access", "another"), endpoint: Some(endpoint), ..good };
    let written = SegmentVault::s3(&wrong).unwrap().try_writing().await;
    assert_eq!(written, Err(PlaceError::Refused));
}
