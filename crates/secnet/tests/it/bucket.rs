//! A vault in a bucket: the program beside an S3 server in this process.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use crate::guides::{Walk, guide};
use crate::support::{Run, Running, command, copy_tree, files, finish};

/// Longer than any of this takes.
const PATIENCE: Duration = Duration::from_secs(60);
const ACCESS: &str = "AKIACLINIC";
const SECRET: &str = "not/to+be/seen";
const PATIENT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../samples/patients/acc12451-4ef0-414b-b072-48e780a90874.ndjson"
);

/// A server's certificate for this machine, which signs for itself.
fn tls(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../secnet-gateway/tests/it/tls").join(name)
}

/// An S3 server that serves for as long as this lives; what it stores are files.
struct Server {
    root: tempfile::TempDir,
    endpoint: String,
    /// The session token that calls must have, if one is wanted.
    token: Arc<Mutex<Option<String>>>,
    _runtime: tokio::runtime::Runtime,
}

impl Server {
    fn start() -> Self {
        Self::begin(None)
    }

    /// The same, with TLS.
    fn with_tls() -> Self {
        use rustls::pki_types::pem::PemObject as _;
        use rustls::pki_types::{CertificateDer, PrivateKeyDer};
        drop(rustls::crypto::ring::default_provider().install_default());
        let chain = CertificateDer::pem_file_iter(tls("first.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_file(tls("first.key")).unwrap();
        let config = rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(chain.map(Result::unwrap).collect(), key)
            .unwrap();
        Self::begin(Some(tokio_rustls::TlsAcceptor::from(Arc::new(config))))
    }

    fn begin(tls: Option<tokio_rustls::TlsAcceptor>) -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("clinic")).unwrap();
        let mut builder =
            s3s::service::S3ServiceBuilder::new(s3s_fs::FileSystem::new(root.path()).unwrap());
        builder.set_auth(s3s::auth::SimpleAuth::from_single(ACCESS, SECRET));
        let service = builder.build();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let endpoint = format!("{scheme}://{}", listener.local_addr().unwrap());
        let token = Arc::<Mutex<Option<String>>>::default();
        let wanted = Arc::clone(&token);
        runtime.spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let (service, wanted, tls) = (service.clone(), Arc::clone(&wanted), tls.clone());
                let service = hyper::service::service_fn(move |mut call| {
                    only_with(&wanted, &mut call);
                    hyper::service::Service::call(&service, call)
                });
                tokio::spawn(async move {
                    let http = hyper_util::server::conn::auto::Builder::new(
                        hyper_util::rt::TokioExecutor::new(),
                    );
                    // A client that hangs up is no failure of the server.
                    match tls {
                        None => {
                            let socket = hyper_util::rt::TokioIo::new(socket);
                            drop(http.serve_connection(socket, service).await);
                        }
                        Some(tls) => {
                            let Ok(socket) = tls.accept(socket).await else { return };
                            let socket = hyper_util::rt::TokioIo::new(socket);
                            drop(http.serve_connection(socket, service).await);
                        }
                    }
                });
            }
        });
        Self { root, endpoint, token, _runtime: runtime }
    }

    fn bucket(&self) -> PathBuf {
        self.root.path().join("clinic")
    }

    /// Names of the objects below a prefix.
    fn objects(&self, below: &str) -> Vec<PathBuf> {
        let folder = self.bucket().join(below);
        if folder.exists() { files(&folder).into_keys().collect() } else { Vec::new() }
    }
}

/// The server of the tests knows nothing of session tokens: a call without the one that is wanted loses its signature.
fn only_with(wanted: &Mutex<Option<String>>, call: &mut hyper::Request<hyper::body::Incoming>) {
    let wanted = wanted.lock().unwrap();
    let given = call.headers().get("x-amz-security-token").and_then(|token| token.to_str().ok());
    if wanted.is_some() && wanted.as_deref() != given {
        call.headers_mut().remove("authorization");
    }
}

/// A place with a configuration that names the server.
struct Clinic {
    place: tempfile::TempDir,
    server: Server,
}

impl Clinic {
    fn new() -> Self {
        let clinic = Self { place: tempfile::tempdir().unwrap(), server: Server::start() };
        std::fs::write(clinic.path("passphrase"), "correct horse").unwrap();
        clinic.configure(&clinic.server.endpoint, "data");
        clinic
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    fn configure(&self, endpoint: &str, prefix: &str) {
        let text = format!(
            "[vault]\nplace = \"s3\"\nendpoint = \"{endpoint}\"\nbucket = \"clinic\"\nprefix = \"{prefix}\"\n"
        );
        std::fs::write(self.path("secnet.toml"), text).unwrap();
    }

    /// The program here, on the folder `dir`.
    fn command(&self, dir: &str, args: &[&str]) -> Command {
        let mut command = command(self.place.path());
        command.args(["--dir", dir, "--passphrase-file", "passphrase", "--json"]).args(args);
        command.env("AWS_ACCESS_KEY_ID", ACCESS).env("AWS_SECRET_ACCESS_KEY", SECRET);
        command
    }

    fn run(&self, args: &[&str]) -> Run {
        finish(&mut self.command("d", args))
    }

    fn json(&self, args: &[&str]) -> Value {
        self.run(args).ok().json()
    }

    #[track_caller]
    fn refused(&self, args: &[&str], code: &str, exit: i32) -> Value {
        refused(&self.run(args), code, exit)
    }

    /// A network whose segments are in the bucket, with a dataset that Dr. Bo may read.
    fn begin(&self) -> String {
        self.json(&["init", "--name", "clinic"]);
        self.json(&["id", "new", "city-hospital", "--kind", "organisation"]);
        for who in ["ada", "dr-bo"] {
            self.json(&["id", "new", who, "--by", "city-hospital"]);
        }
        let added = self.json(&["data", "add", PATIENT, "--as", "ada"]);
        let dataset = added["dataset"].as_str().unwrap().to_owned();
        let grant = ["grant", &dataset, "--as", "ada", "--to", "dr-bo", "--purpose", "treatment"];
        self.json(&grant);
        dataset
    }

    fn get(&self, dataset: &str, out: &str) -> Run {
        let all = ["get", dataset, "--as", "dr-bo", "--purpose", "treatment", "--out", out];
        self.run(&all)
    }
}

#[track_caller]
fn refused(run: &Run, code: &str, exit: i32) -> Value {
    assert!(!format!("{run:?}").contains(SECRET), "{run:?}");
    let error = run.error();
    assert_eq!((error["code"].as_str(), run.code), (Some(code), exit), "{run:?}");
    assert!(error["hint"].is_string(), "{run:?}");
    error
}

#[test]
fn data_in_a_bucket_is_registered_granted_read_and_checked() {
    let clinic = Clinic::new();
    let dataset = clinic.begin();
    assert!(!clinic.path("d/vault").exists(), "nothing is kept in the folder as well");
    let segments = clinic.server.objects("data/segments").len();
    assert!(segments > 0);
    clinic.get(&dataset, "out").ok();
    assert!(!files(&clinic.path("out")).is_empty());
    let checked = clinic.json(&["fsck"]);
    assert_eq!((&checked["healthy"], &checked["segments"]), (&true.into(), &segments.into()));
    let status = clinic.json(&["status"]);
    assert_eq!(status["vault_trouble"], Value::Null);
    assert!(status["vault"].as_str().unwrap().contains("`clinic`, below `data`"), "{status}");
    let shown = clinic.run(&["config", "show"]).ok();
    clinic.run(&["config", "check"]).ok();
    // What the storage keeps is what is sealed, and neither folder nor output has the secret.
    for (file, bytes) in files(&clinic.path("d")).into_iter().chain(files(&clinic.server.bucket()))
    {
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(SECRET) && !text.contains("resourceType"), "{}", file.display());
    }
    assert!(!format!("{shown:?}").contains(SECRET) && !format!("{shown:?}").contains(ACCESS));

    // A flipped bit at the storage is found and named, and a lost object is missed.
    let damaged = &clinic.server.objects("data/segments")[0];
    let mut bytes = std::fs::read(damaged).unwrap();
    bytes[7] ^= 1;
    std::fs::write(damaged, bytes).unwrap();
    let error = clinic.refused(&["fsck"], "damaged", 7);
    let name = damaged.file_name().unwrap().to_str().unwrap();
    assert!(error["message"].as_str().unwrap().contains(name), "{error}");
}

#[test]
fn a_folder_is_not_opened_with_another_vault_than_its_own() {
    let clinic = Clinic::new();
    let dataset = clinic.begin();
    let before = files(&clinic.path("d/ledger"));
    // Without the setting, with another prefix, at another server.
    let elsewhere: [&[&str]; 3] = [
        &["--set", "vault.place=folder"],
        &["--set", "vault.prefix=other"],
        &["--set", "vault.endpoint=https://s3.example.org"],
    ];
    for set in elsewhere {
        for verb in [
            &["status"][..],
            &["fsck"],
            &["up"],
            &["get", &dataset, "--as", "dr-bo", "--purpose", "treatment"],
        ] {
            let error = clinic.refused(&[verb, set].concat(), "other-vault", 2);
            assert!(error["hint"].as_str().unwrap().contains("--config"), "{error}");
        }
    }
    std::fs::rename(clinic.path("secnet.toml"), clinic.path("aside.toml")).unwrap();
    clinic.refused(&["status"], "other-vault", 2);
    assert!(!clinic.path("d/vault").exists(), "no empty vault was made");
    assert_eq!(files(&clinic.path("d/ledger")), before);
    clinic.json(&["status", "--config", "aside.toml"]);
    finish(clinic.command("d", &["status"]).env("SECNET_CONFIG", "aside.toml")).ok();

    // A folder that has its segments in itself is not opened with a bucket.
    let local = finish(&mut clinic.command("local", &["init"]));
    local.ok();
    std::fs::rename(clinic.path("aside.toml"), clinic.path("secnet.toml")).unwrap();
    std::fs::write(clinic.path("local/vault/something"), "").unwrap();
    refused(&finish(&mut clinic.command("local", &["status"])), "other-vault", 2);
    finish(&mut clinic.command("local", &["status", "--set", "vault.place=folder"])).ok();
    // And no second folder takes the place of the first one.
    refused(&finish(&mut clinic.command("second", &["init"])), "vault-taken", 2);
    assert!(!clinic.path("second/genesis.cbor").exists());
    // What was refused can be tried again, with a place of its own.
    finish(&mut clinic.command("second", &["init", "--set", "vault.prefix=second"])).ok();
    assert_eq!(clinic.server.objects("second").len(), 1);
}

#[test]
fn what_keeps_the_vault_from_being_used_is_told_and_ending_rights_goes_on() {
    let clinic = Clinic::new();
    let dataset = clinic.begin();
    let doctor = |said: &str| {
        let run = clinic.run(&["doctor", "--set", "listen=127.0.0.1:0"]);
        let findings = run.json()["findings"].clone();
        let vault = findings.as_array().unwrap().iter().find(|f| f["what"] == "vault").unwrap();
        let wrong = vault["wrong"].as_str().unwrap_or_default();
        assert!(if said.is_empty() { wrong.is_empty() } else { wrong.contains(said) }, "{run:?}");
        assert!(!format!("{run:?}").contains(SECRET), "{run:?}");
    };
    doctor("");
    // The credentials: none, wrong ones, from a file that others may read.
    let mut none = clinic.command("d", &["status"]);
    refused(&finish(none.env_remove("AWS_SECRET_ACCESS_KEY")), "no-credentials", 2);
    let mut wrong = clinic.command("d", &["status"]);
    let run = finish(wrong.env("AWS_SECRET_ACCESS_KEY", "another")).ok();
    assert!(run.json()["vault_trouble"].as_str().unwrap().contains("refuses access"), "{run:?}");
    let mut wrong = clinic.command("d", &["up", "--listen", "127.0.0.1:0"]);
    refused(&finish(wrong.env("AWS_SECRET_ACCESS_KEY", "another")), "vault-refused", 6);
    let file = clinic.path("s3.credentials");
    std::fs::write(
        &file,
        format!("aws_access_key_id = {ACCESS}\naws_secret_access_key = {SECRET}\n"),
    )
    .unwrap();
    let with_file = |args: &[&str]| {
        let set = ["--set", "vault.credentials=s3.credentials"];
        let mut command = clinic.command("d", &[args, &set].concat());
        finish(command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY"))
    };
    set_mode(&file, 0o644);
    refused(&with_file(&["config", "check"]), "permissions", 1);
    refused(&with_file(&["status"]), "permissions", 1);
    set_mode(&file, 0o600);
    assert_eq!(with_file(&["status"]).ok().json()["vault_trouble"], Value::Null);
    // The bucket.
    std::fs::rename(clinic.server.bucket(), clinic.server.root.path().join("gone")).unwrap();
    doctor("there is no bucket `clinic`");
    clinic.refused(&["fsck"], "no-bucket", 6);
    clinic.refused(&["up", "--listen", "127.0.0.1:0"], "no-bucket", 6);
    std::fs::create_dir(clinic.server.bucket()).unwrap();
    // An empty one is not taken for the vault.
    doctor("does not say any more whose it is");
    clinic.refused(&["up", "--listen", "127.0.0.1:0"], "vault-lost", 7);
    std::fs::remove_dir(clinic.server.bucket()).unwrap();
    std::fs::rename(clinic.server.root.path().join("gone"), clinic.server.bucket()).unwrap();
    doctor("");

    // What every start shows needs a record, which the first one stores.
    let mut up = clinic.command("d", &["up", "--listen", "127.0.0.1:0"]);
    let mut node = Running(up.stdout(Stdio::piped()).spawn().unwrap());
    let mut first = String::new();
    BufReader::new(node.0.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert!(first.contains("127.0.0.1"), "{first}");
    assert_eq!(node.stop(), 0);

    // Nobody answers at the folder's own server any more.
    let endpoint = clinic.server.endpoint.clone();
    let Clinic { place, server } = clinic;
    drop(server);
    let clinic = Clinic { place, server: Server::start() };
    clinic.configure(&endpoint, "data");
    assert_ne!(clinic.server.endpoint, endpoint);
    clinic.refused(&["fsck"], "vault-unreachable", 6);
    let status = clinic.json(&["status"]);
    assert!(status["vault_trouble"].as_str().unwrap().contains("cannot reach"), "{status}");
    clinic.refused(&["backup", "b"], "backup", 6);
    clinic.refused(&["data", "add", PATIENT, "--as", "ada"], "unavailable", 6);
    let grants = clinic.json(&["grants", "--as", "ada"]);
    let grant = grants["given"][0]["grant"].as_str().unwrap().to_owned();
    clinic.json(&["revoke", &grant, "--as", "ada"]);
    let error = clinic.get(&dataset, "never");
    assert_eq!((error.code, clinic.path("never").exists()), (3, false), "{error:?}");
    node_says_so_and_serves(&clinic);
}

/// A node whose vault does not answer serves: consent is ended there as well. Its log tells.
fn node_says_so_and_serves(clinic: &Clinic) {
    let log = clinic.path("node.log");
    let mut up = clinic.command("d", &["up", "--listen", "127.0.0.1:0"]);
    up.stdout(Stdio::null()).stderr(std::fs::File::create(&log).unwrap());
    let node = Running(up.spawn().unwrap());
    let said = || std::fs::read_to_string(&log).unwrap();
    // It has been tried several times by then.
    let begun = std::time::Instant::now();
    while !said().contains("vault-unreachable") {
        assert!(begun.elapsed() < PATIENCE, "{}", said());
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(!said().contains(SECRET), "{}", said());
    assert_eq!(node.stop(), 0);
}

#[test]
fn temporary_keys_are_taken_and_replaced_while_a_node_runs() {
    let clinic = Clinic::new();
    let dataset = clinic.begin();
    let wants = |token: &str| *clinic.server.token.lock().unwrap() = Some(token.to_owned());
    let file = clinic.path("s3.credentials");
    let write = |token: &str| {
        let text = format!(
            "AWS_ACCESS_KEY_ID={ACCESS}\nAWS_SECRET_ACCESS_KEY={SECRET}\nAWS_SESSION_TOKEN={token}\n"
        );
        std::fs::write(&file, text).unwrap();
        set_mode(&file, 0o600);
    };
    wants("first/token+");
    clinic.refused(&["fsck"], "vault-refused", 6);
    let mut fsck = clinic.command("d", &["fsck"]);
    finish(fsck.env("AWS_SESSION_TOKEN", "first/token+")).ok();
    write("first/token+");
    let set = ["--set", "vault.credentials=s3.credentials"];
    let mut up = clinic.command("d", &[&["up", "--listen", "127.0.0.1:0"], &set[..]].concat());
    let mut node = Running(up.stdout(Stdio::piped()).spawn().unwrap());
    let mut first = String::new();
    BufReader::new(node.0.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let said: Value = serde_json::from_str(&first).unwrap();
    let get = |out: &str| {
        let read = ["get", &dataset, "--as", "dr-bo", "--purpose", "treatment", "--out", out];
        clinic.run(&[&read[..], &["--url", said["url"].as_str().unwrap()]].concat()).code
    };
    assert_eq!(get("first"), 0);
    wants("second");
    write("second");
    let begun = std::time::Instant::now();
    while get("second") != 0 {
        assert!(begun.elapsed() < PATIENCE, "the node goes on with the old keys");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(node.stop(), 0);
}

#[test]
fn a_server_with_a_certificate_of_its_own_is_called_if_that_is_named() {
    let server = Server::with_tls();
    let clinic = Clinic { place: tempfile::tempdir().unwrap(), server };
    std::fs::write(clinic.path("passphrase"), "correct horse").unwrap();
    clinic.configure(&clinic.server.endpoint, "data");
    clinic.refused(&["init"], "vault-unreachable", 6);
    let named = |name: &str| {
        let set = format!("vault.ca={}", tls(name).display());
        finish(&mut clinic.command("d", &["init", "--set", &set]))
    };
    refused(&named("second.pem"), "vault-unreachable", 6);
    refused(&named("README.md"), "bad-certificate", 2);
    named("first.pem").ok();
    assert_eq!(clinic.server.objects("data").len(), 1);
}

#[test]
fn a_backup_moves_data_between_a_folder_and_a_bucket() {
    let clinic = Clinic::new();
    let dataset = clinic.begin();
    let segments = clinic.server.objects("data/segments").len();
    clinic.json(&["backup", "b"]);
    let restore = |dir: &str, set: &[&str]| {
        let args = ["restore", "b", "--epochs", "d/keys/backup.epochs"];
        finish(&mut clinic.command(dir, &[&args, set].concat()))
    };
    // Not over what the folder itself still uses, also not to see whether it works.
    let whole = files(&clinic.server.bucket());
    refused(&restore("r", &["--dry-run"]), "vault-taken", 2);
    refused(&restore("r", &[]), "vault-taken", 2);
    assert_eq!(files(&clinic.server.bucket()), whole);
    assert!(!clinic.path("r").exists() && !clinic.path("r.restoring").exists());
    // One that fails leaves nothing at the new place.
    let moved = ["--set", "vault.prefix=moved"];
    let kept = clinic.path("b/keys/ada.json");
    let card = std::fs::read(&kept).unwrap();
    std::fs::write(&kept, "{}").unwrap();
    assert_ne!(restore("r", &moved).code, 0);
    assert_eq!(clinic.server.objects("moved"), Vec::<PathBuf>::new());
    std::fs::write(&kept, card).unwrap();

    restore("r", &moved).ok();
    assert_eq!(clinic.server.objects("moved/segments").len(), segments);
    let healthy = |dir: &str, set: &[&str]| {
        let run = finish(&mut clinic.command(dir, &[&["fsck"], set].concat()));
        assert_eq!(run.ok().json()["segments"], segments);
    };
    healthy("r", &moved);
    let folder = ["--set", "vault.place=folder"];
    restore("l", &folder).ok();
    assert_eq!(files(&clinic.path("l/vault/segments")).len(), segments);
    healthy("l", &folder);
    healthy("d", &[]);
    clinic.get(&dataset, "out").ok();
}

#[test]
fn a_network_that_goes_on_keeps_its_place() {
    let clinic = Clinic::new();
    let dataset = clinic.begin();
    let objects = clinic.server.objects("data");
    finish(&mut clinic.command("next", &["init", "--successor-of", "d"])).ok();
    assert_eq!(clinic.server.objects("data"), objects);
    assert!(!clinic.path("next/vault").exists());
    let run = finish(&mut clinic.command("next", &["fsck"])).ok();
    assert_eq!(run.json()["healthy"], true);
    // Which is how it is for a folder that is moved as a whole, too.
    copy_tree(&clinic.path("next"), &clinic.path("moved"));
    let get = ["get", &dataset, "--as", "dr-bo", "--purpose", "treatment", "--out", "out"];
    finish(&mut clinic.command("moved", &get)).ok();
}

fn set_mode(file: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn keeping_ciphertext_in_s3_can_be_followed() {
    let server = Server::start();
    let page = guide("keep-ciphertext-in-s3");
    let mut walk = Walk::new()
        .with("https://s3.example.org", &server.endpoint)
        .with("AWS_ACCESS_KEY_ID = ...", &format!("AWS_ACCESS_KEY_ID = {ACCESS}"))
        .with("AWS_SECRET_ACCESS_KEY = ...", &format!("AWS_SECRET_ACCESS_KEY = {SECRET}"))
        .with("/mnt/backup/clinic", "mnt-backup");
    assert!(walk.follow(&page) >= 9);
    assert!(!server.objects("node-1b").is_empty(), "it was moved");
}
