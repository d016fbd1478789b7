//! A node that serves on a port of this machine: a hospital, an owner, and doctors whose keys are delegated on the ledger.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use base64ct::{Base64UrlUnpadded, Encoding as _};
use secnet_app::ports::Clock as _;
use secnet_app::{AccessCall, Enclosures, Parts, Pdc};
use secnet_crypto::{KeyFileParams, SealKeyPair, SigningKey};
use secnet_gateway::{Gateway, Limits, router, serve};
use secnet_guard::{Model, Parameters, Ramp};
use secnet_types::{
    Action, Amount, Category, DatasetId, GrantId, Labels, MemberKind, Operation, Party, Purpose,
    RecordId, RecordMeta, RequestId, Scope, Session,
};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::super::broken;
use super::super::ward::{PASSPHRASE, member, offer};
use super::client::Client;
use crate::actions::{self, Permission, PlainRecord, Wanted};
use crate::failure::Failure;
use crate::keystore::Identity;
use crate::node::{Node, access_failure};
use crate::system::{SystemClock, random, rng};

/// How long a delegated key lasts, in milliseconds.
const DELEGATED_MS: u64 = 60 * 60 * 1000;

pub(super) struct World {
    pub node: Node,
    pub owner: Identity,
    pub authority: String,
    hospital: Identity,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

/// Somebody in a session, who signs with the key that was delegated to it.
pub(super) struct Doctor {
    pub identity: Identity,
    pub token: String,
    /// For the whole session: the node agrees on a key with it once.
    pub receiving: SealKeyPair,
}

impl World {
    pub(super) async fn begin(dir: &Path) -> Result<Self, Failure> {
        let cost = KeyFileParams::LEAST;
        let mut node = Node::create_at_cost(&dir.join("node"), "bench", PASSPHRASE, cost).await?;
        node.pdc = Arc::new(tolerant(&node.pdc).await?);
        let hospital = actions::admit(&node, "hospital", MemberKind::Organisation, None).await?;
        let owner = member(&node, &hospital, "owner").await?;
        let limits = Limits { rate_per_second: 1_000_000, burst: 1_000_000, ..Limits::default() };
        let gateway = Arc::new(Gateway::new(Arc::clone(&node.pdc), limits));
        let (authority, stop, serving) = serve_on_a_port(router(gateway)).await?;
        Ok(Self { node, owner, authority, hospital, stop, serving })
    }

    /// Stop serving. The folder is thrown away.
    pub(super) fn end(self) {
        self.stop.send_replace(true);
    }

    /// Stop serving, and leave the folder as another process can open it.
    pub(super) async fn close(self) -> Result<(), Failure> {
        self.stop.send_replace(true);
        self.serving.await.map_err(|error| broken("the door", &error))?;
        self.node.close().await
    }

    /// The owner registers so many records of so many bytes each.
    pub(super) async fn register(
        &self,
        count: usize,
        bytes: usize,
    ) -> Result<(DatasetId, Vec<RecordId>), Failure> {
        let record = |_| PlainRecord { meta: described(), content: vec![0x5a; bytes] };
        let records: Vec<PlainRecord> = (0..count).map(record).collect();
        let dataset =
            actions::register(&self.node, &self.owner, &records, &offer(), |_| {}).await?;
        Ok((dataset, records.into_iter().map(|record| record.meta.id).collect()))
    }

    /// A person whom the hospital vouches for.
    pub(super) async fn person(&self, name: &str) -> Result<Identity, Failure> {
        member(&self.node, &self.hospital, name).await
    }

    /// Somebody whom the owner lets read the dataset, in a session with a delegated key.
    pub(super) async fn doctor(
        &self,
        name: &str,
        dataset: DatasetId,
    ) -> Result<(Doctor, GrantId), Failure> {
        let identity = self.person(name).await?;
        let permission = Permission {
            dataset,
            to: Party::Member(identity.member()),
            purposes: [Purpose::Treatment].into(),
            actions: [Action::Read].into(),
            scope: Scope::default(),
            window: actions::days_from_now(30),
            uses: None,
            price: Amount::ZERO,
            emergency: false,
        };
        let grant = actions::grant(&self.node, &self.owner, &permission, None).await?;
        Ok((self.delegated(identity).await?, grant))
    }

    /// In a session that was opened with a key which the ledger knows to sign for the member.
    pub(super) async fn delegated(&self, identity: Identity) -> Result<Doctor, Failure> {
        let key = SigningKey::generate(&mut rng());
        let session = Session {
            key: *key.verifying_key().as_bytes(),
            until: SystemClock.now().plus_ms(DELEGATED_MS),
            limit: Amount::ZERO,
        };
        let operation = Operation::OpenSession { session };
        actions::order(&self.node.pdc, &identity, operation, Enclosures::default()).await?;
        let identity = identity.signing_with(key);
        let token = Client::connect(&self.authority).await?.log_in(&identity, false).await?;
        Ok(Doctor { identity, token, receiving: SealKeyPair::generate(&mut rng()) })
    }

    /// A fresh request for some records, as `POST /v1/access` takes it, and its id.
    pub(super) fn request(
        &self,
        doctor: &Doctor,
        dataset: DatasetId,
        records: &[RecordId],
    ) -> (AccessCall, RequestId) {
        let id = actions::fresh_request();
        let wanted = Wanted {
            dataset,
            action: Action::Read,
            purpose: Purpose::Treatment,
            scope: Scope {
                records: Some(records.iter().copied().collect::<BTreeSet<_>>()),
                ..Scope::default()
            },
            max_price: Amount::ZERO,
            id,
            proof_for: None,
        };
        let receiving = doctor.receiving.public.to_bytes().to_vec();
        (
            actions::request_to(
                (self.node.pdc.network(), self.node.pdc.now()),
                &doctor.identity,
                &wanted,
                receiving,
            ),
            id,
        )
    }
}

/// As a door takes it. With the ciphertext, as far as it is short.
pub(super) fn body_of(call: &AccessCall) -> String {
    format!("{{{},\"inline\":true}}", signed_parts(call))
}

/// The request with what it commits to, as fields of a JSON object.
pub(super) fn signed_parts(call: &AccessCall) -> String {
    let text = Base64UrlUnpadded::encode_string;
    format!(
        "\"request\":\"{}\",\"detail\":\"{}\",\"receiving_key\":\"{}\"",
        text(&call.request),
        text(&call.detail),
        text(&call.receiving_key)
    )
}

/// A record without a label.
pub(super) fn described() -> RecordMeta {
    RecordMeta {
        id: RecordId(random()),
        kind: "Observation".into(),
        category: Category::Laboratory,
        labels: Labels::NONE,
        period: None,
    }
}

/// The same data centre with a guard that lets machines ask as fast as they can.
async fn tolerant(pdc: &Pdc) -> Result<Pdc, Failure> {
    let far = Ramp { from: 1_000_000, to: 2_000_000, weight: 3000 };
    let parameters = Parameters { pace: far, crowd: far, ..Parameters::default() };
    let model = Model::new(parameters).map_err(|error| broken("the guard's model", &error))?;
    let parts = Parts {
        log: Arc::clone(&pdc.log),
        vault: Arc::clone(&pdc.vault),
        archive: Arc::clone(&pdc.archive),
        release: Arc::clone(&pdc.release),
        clock: Arc::clone(&pdc.clock),
        entropy: Arc::clone(&pdc.entropy),
        signer: Arc::clone(&pdc.signer),
        member: pdc.member,
        doors: Arc::clone(&pdc.doors),
        sealing: Box::new(SealKeyPair::generate(&mut rng())),
    };
    Pdc::with_model(parts, model).await.map_err(|error| access_failure(error.into()))
}

/// Serve on a port of this machine, until told to stop.
pub(super) async fn listen(router: Router) -> Result<(String, watch::Sender<bool>), Failure> {
    serve_on_a_port(router).await.map(|(authority, stop, _)| (authority, stop))
}

async fn serve_on_a_port(
    router: Router,
) -> Result<(String, watch::Sender<bool>, JoinHandle<()>), Failure> {
    let listener =
        TcpListener::bind("127.0.0.1:0").await.map_err(|error| broken("a listener", &error))?;
    let address = listener.local_addr().map_err(|error| broken("a listener", &error))?;
    let (stop, stopped) = watch::channel(false);
    let connections = Limits::default().connections;
    let serving = async move { drop(serve(listener, router, connections, stopped).await) };
    Ok((address.to_string(), stop, tokio::spawn(serving)))
}
