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

use contract::{Subject, all, damage_file};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use s3s::{auth::SimpleAuth, service::S3ServiceBuilder};
use secnet_vault::{S3Settings, SegmentVault};

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

fn settings(endpoint: String) -> S3Settings {
    S3Settings {
        bucket: BUCKET.into(),
        prefix: "pdc".into(),
        region: "us-east-1".into(),
        endpoint: Some(endpoint),
        access_key: "access".into(),
        secret_key: "secret".into(),
        allow_http: true,
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
    settings.secret_key = "another".into();
    let vault = SegmentVault::s3(&settings).unwrap();
    let refused = vault.put_segment(b"x".as_slice().into()).await;
    assert!(matches!(refused, Err(VaultError::Storage(_))));
    assert!(!format!("{settings:?}").contains("another"));
}
