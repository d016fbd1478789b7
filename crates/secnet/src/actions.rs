//! What owners and requesters do, on their side: seal, grant, ask, request, open. The verbs and the demo both use these,
//! so that the demo shows what the verbs do.

use std::collections::BTreeSet;

use secnet_app::{
    AccessCall, Delivery, Door, Enclosures, Outcome, Pdc, Reader, TermsDetail, Upload,
    manifest_commitment,
};
use secnet_crypto::{SealKeyPair, StreamSuite, Zeroizing};
use secnet_lock::{
    CompartmentKeys, GrantBinding, Grantee, UploadManifest, UploadSpec, compartments_for,
    seal_upload, wrap_for_grantee,
};
use secnet_types::{
    AccessRequest, Action, Amount, Answer, Ask, AskId, Beneficiary, Category, DatasetId, Digest,
    Grant, GrantDetail, GrantId, Labels, MemberCard, MemberKind, NetworkId, Operation, Party,
    Purpose, RecordMeta, RequestDetail, RequestId, Scope, ServiceLevel, Signed, Terms, Timestamp,
    Window, encode,
};

use crate::failure::{Exit, Failure};
use crate::files;
use crate::groups;
use crate::kept::{self, Kept};
use crate::keystore::{Identity, Keystore};
use crate::node::{Node, access_failure};
use crate::system::{SystemClock, random, rng};
use secnet_app::ports::Clock as _;

/// How long a request made here may wait and be retried, in milliseconds.
const REQUEST_LIFETIME_MS: u64 = 10 * 60 * 1000;
/// Longest file of compartment keys.
const MAX_COMPARTMENTS_BYTES: u64 = 16 * 1024 * 1024;
/// Records in one upload: their packets stay small enough to open quickly.
const MAX_RECORDS_PER_UPLOAD: usize = 4096;

/// A record before it is sealed.
#[derive(Debug, Clone)]
pub(crate) struct PlainRecord {
    pub meta: RecordMeta,
    pub content: Vec<u8>,
}

/// What an owner states of a new dataset.
#[derive(Debug, Clone)]
pub(crate) struct Offer {
    pub title: String,
    pub price: Amount,
    pub level: ServiceLevel,
    pub purposes: Option<BTreeSet<Purpose>>,
    pub beneficiaries: Vec<Beneficiary>,
}

impl Offer {
    /// What stays in the data centre, and what goes on the ledger.
    pub(crate) fn terms(&self) -> (TermsDetail, Terms) {
        let detail = TermsDetail {
            title: self.title.clone(),
            purposes: self.purposes.clone(),
            actions: None,
            salt: random(),
        };
        let terms = Terms {
            price: self.price,
            level: self.level,
            expires: Timestamp::MAX,
            max_uses: None,
            beneficiaries: self.beneficiaries.clone(),
            detail: detail.commitment(),
        };
        (detail, terms)
    }
}

/// Records sealed for a dataset, ready to be taken in.
#[derive(Debug, Default)]
pub(crate) struct SealedRecords {
    pub uploads: Vec<Upload>,
    pub manifests: Vec<UploadManifest>,
}

/// What an owner allows.
#[derive(Debug, Clone)]
pub(crate) struct Permission {
    pub dataset: DatasetId,
    pub to: Party,
    pub purposes: BTreeSet<Purpose>,
    pub actions: BTreeSet<Action>,
    pub scope: Scope,
    pub window: Window,
    pub uses: Option<u32>,
    pub price: Amount,
    pub emergency: bool,
}

/// What a requester wants.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub dataset: DatasetId,
    pub action: Action,
    pub purpose: Purpose,
    pub scope: Scope,
    pub max_price: Amount,
    pub id: RequestId,
}

/// Make a member: its keys, its card, its place on the ledger.
pub(crate) async fn admit(
    node: &Node,
    name: &str,
    kind: MemberKind,
    voucher: Option<&Identity>,
) -> Result<Identity, Failure> {
    let identity = Identity::generate(name, kind)?;
    node.save_identity(&identity)?;
    let card = card(node, &identity, kind, voucher);
    node.pdc.keep_sealing_key(&identity.sealing.public).await.map_err(access_failure)?;
    match voucher {
        Some(voucher) => {
            order(&node.pdc, voucher, Operation::Vouch { card }, Enclosures::default()).await?;
        }
        None => node.govern(secnet_types::Change::Admit(card)).await?,
    }
    Ok(identity)
}

/// The command that would admit a member of this name, with keys that nobody keeps.
pub(crate) fn admission(
    node: &Node,
    name: &str,
    kind: MemberKind,
    voucher: Option<&Identity>,
) -> Result<secnet_types::SignedCommand, Failure> {
    let identity = Identity::generate(name, kind)?;
    if node.keystore.beside(name, "key").exists() {
        return Err(Failure::new("name-taken", format!("there is already an identity `{name}`"))
            .hint("choose another name"));
    }
    let card = card(node, &identity, kind, voucher);
    match voucher {
        Some(voucher) => {
            let operation = Operation::Vouch { card };
            Ok(node.pdc.sign(voucher.member(), operation, &voucher.signing))
        }
        None => node.proposed(secnet_types::Change::Admit(card)),
    }
}

fn card(
    node: &Node,
    identity: &Identity,
    kind: MemberKind,
    voucher: Option<&Identity>,
) -> Signed<MemberCard> {
    let card = MemberCard {
        network: node.pdc.network(),
        kind,
        sealing_key: identity.sealing_digest(),
        voucher: voucher.map(Identity::member),
    };
    Signed::sign(card, &identity.signing)
}

/// Sign an operation and hand it in.
pub(crate) async fn order(
    pdc: &Pdc,
    author: &Identity,
    operation: Operation,
    enclosures: Enclosures,
) -> Result<secnet_types::SignedCommand, Failure> {
    let command = pdc.sign(author.member(), operation, &author.signing);
    pdc.order(&command, enclosures).await.map_err(access_failure)?;
    Ok(command)
}

/// Seal records and register them as a dataset.
pub(crate) async fn register(
    node: &Node,
    owner: &Identity,
    records: &[PlainRecord],
    offer: &Offer,
    progress: impl FnMut(u64),
) -> Result<DatasetId, Failure> {
    register_at(node, owner, records, offer.terms(), progress).await
}

/// As [`register`], at these terms.
pub(crate) async fn register_at(
    node: &Node,
    owner: &Identity,
    records: &[PlainRecord],
    (detail, terms): (TermsDetail, Terms),
    progress: impl FnMut(u64),
) -> Result<DatasetId, Failure> {
    if records.is_empty() {
        return Err(Failure::new("no-records", "there is no record to register")
            .hint("give FHIR bundles, NDJSON files or folders of them"));
    }
    let pdc = &node.pdc;
    // The id follows from the command's author and id, so the records can be bound to it before it is signed; the
    // manifest commitment is put in afterwards.
    let operation =
        |manifest| Operation::RegisterDataset { pdc: pdc.member, terms: terms.clone(), manifest };
    let mut command = pdc.sign(owner.member(), operation(Digest::ZERO), &owner.signing);
    let dataset = DatasetId::derive(owner.member(), command.value.id);

    let sealed = seal(node, owner, dataset, records, progress)?;
    command.value.operation = operation(manifest_commitment(&random(), &sealed.manifests));
    let command = secnet_types::SignedCommand::sign(command.value, &owner.signing);
    let (dataset, _) =
        pdc.take_in(sealed.uploads, &detail, &command).await.map_err(access_failure)?;
    Ok(dataset)
}

/// Seal records of a dataset under their owner's keys.
pub(crate) fn seal(
    node: &Node,
    owner: &Identity,
    dataset: DatasetId,
    records: &[PlainRecord],
    mut progress: impl FnMut(u64),
) -> Result<SealedRecords, Failure> {
    let mut sealed = SealedRecords::default();
    if records.is_empty() {
        return Ok(sealed);
    }
    let mut keys = compartments(&node.keystore, owner)?;
    for record in records {
        keys.ensure(owner.member(), record.meta.category, record.meta.labels, &mut rng())
            .map_err(|error| lock_failure(&error))?;
    }
    save_compartments(&node.keystore, owner, &keys)?;
    let release = node.pdc.release.nodes();
    let directory = keys.directory();
    for part in records.chunks(MAX_RECORDS_PER_UPLOAD) {
        let spec = UploadSpec {
            dataset,
            owner: owner.member(),
            compartments: &directory,
            release_nodes: &release,
            threshold: node.pdc.release.threshold(),
            suite: StreamSuite::preferred(),
        };
        let each = part.iter().map(|record| (&record.meta, record.content.as_slice()));
        let upload = seal_upload(spec, each, &mut rng()).map_err(|error| lock_failure(&error))?;
        sealed.manifests.push(upload.manifest.clone());
        sealed.uploads.push(Upload {
            sealed: upload,
            metas: part.iter().map(|record| record.meta.clone()).collect(),
        });
        progress(part.len() as u64);
    }
    Ok(sealed)
}

/// Only the owner has the keys of its records: what anybody else seals for a grantee opens nothing, and is paid for.
fn require_keys(node: &Node, owner: &Identity, dataset: DatasetId) -> Result<(), Failure> {
    let whose = node.pdc.view(|view| view.state.dataset(dataset).map(|d| d.owner)).flatten();
    if whose.is_none_or(|whose| whose == owner.member()) {
        return Ok(());
    }
    let name = &owner.card.name;
    Err(Failure::new("no-keys", format!("`{name}` has no keys of the records of {dataset} to hand on"))
        .hint("the owner grants and approves; a delegate can refuse, counter, release, keep, revoke and deny"))
}

/// Prepare a grant: the typed part for the ledger, the detail and the sealed packets for the data centre. Writes nothing.
pub(crate) async fn prepare_grant(
    node: &Node,
    owner: &Identity,
    permission: &Permission,
) -> Result<(Grant, Enclosures), Failure> {
    require_keys(node, owner, permission.dataset)?;
    let detail = GrantDetail {
        purposes: permission.purposes.clone(),
        actions: permission.actions.clone(),
        scope: permission.scope.clone(),
        salt: random(),
    };
    let commitment = detail.commitment();
    let grantee = match permission.to {
        Party::Member(member) | Party::Organisation(member) => member,
        // Whoever runs the group hands its packets on to those who are in it.
        Party::Group(group) => groups::admin(node, group)?,
    };
    let sealing = node.pdc.sealing_key_of(grantee).await.map_err(access_failure)?;
    let keys = keys_for(node, owner, &permission.scope)?;
    let covered = compartments_for(&permission.scope, keys.compartments());
    let binding = GrantBinding { dataset: permission.dataset, detail: commitment };
    let wraps = wrap_for_grantee(binding, &covered, &keys, &sealing, &mut rng())
        .map_err(|error| lock_failure(&error))?;
    let grant = Grant {
        dataset: permission.dataset,
        grantee: permission.to,
        window: permission.window,
        uses: permission.uses,
        price: permission.price,
        emergency: permission.emergency,
        detail: commitment,
        wraps: wraps.digest(),
    };
    Ok((grant, Enclosures { detail: Some(detail), wraps: Some(wraps) }))
}

/// The owner's keys. Categories of the scope without a record yet have one too, so that later records need no new grant.
fn keys_for(node: &Node, owner: &Identity, scope: &Scope) -> Result<CompartmentKeys, Failure> {
    let mut keys = compartments(&node.keystore, owner)?;
    for category in scope.categories.iter().flatten() {
        keys.ensure(owner.member(), *category, Labels::NONE, &mut rng())
            .map_err(|error| lock_failure(&error))?;
    }
    Ok(keys)
}

/// Grant, without having been asked or in answer to an ask.
pub(crate) async fn grant(
    node: &Node,
    owner: &Identity,
    permission: &Permission,
    ask: Option<AskId>,
) -> Result<GrantId, Failure> {
    require_keys(node, owner, permission.dataset)?;
    // What is sealed to the grantee must still be known when later records are sealed.
    save_compartments(&node.keystore, owner, &keys_for(node, owner, &permission.scope)?)?;
    let (grant, enclosures) = prepare_grant(node, owner, permission).await?;
    let operation = match ask {
        Some(ask) => Operation::AnswerAsk { ask, answer: Answer::Approve(grant) },
        None => Operation::Grant { grant },
    };
    let command = order(&node.pdc, owner, operation, enclosures).await?;
    Ok(GrantId::derive(owner.member(), command.value.id))
}

/// Ask for a grant.
pub(crate) async fn ask(
    node: &Node,
    asker: &Identity,
    wish: &Permission,
    deadline: Timestamp,
) -> Result<AskId, Failure> {
    let (operation, enclosures) = prepare_ask(wish, deadline);
    let command = order(&node.pdc, asker, operation, enclosures).await?;
    Ok(AskId::derive(asker.member(), command.value.id))
}

/// An ask: the typed part for the ledger, the detail for the data centre.
pub(crate) fn prepare_ask(wish: &Permission, deadline: Timestamp) -> (Operation, Enclosures) {
    let detail = GrantDetail {
        purposes: wish.purposes.clone(),
        actions: wish.actions.clone(),
        scope: wish.scope.clone(),
        salt: random(),
    };
    let ask = Ask {
        dataset: wish.dataset,
        grantee: wish.to,
        price: wish.price,
        uses: wish.uses,
        window: wish.window,
        deadline,
        detail: detail.commitment(),
    };
    (Operation::OpenAsk { ask }, Enclosures { detail: Some(detail), wraps: None })
}

/// Make the call that a request is, with the key its answer is sealed to.
pub(crate) fn request(
    pdc: &Pdc,
    requester: &Identity,
    wanted: &Wanted,
) -> (AccessCall, SealKeyPair) {
    request_in(pdc.network(), requester, wanted)
}

/// As [`request`], in a network that may be elsewhere.
pub(crate) fn request_in(
    network: NetworkId,
    requester: &Identity,
    wanted: &Wanted,
) -> (AccessCall, SealKeyPair) {
    let receiving = SealKeyPair::generate(&mut rng());
    let public = receiving.public.to_bytes().to_vec();
    let detail = RequestDetail {
        action: wanted.action,
        purpose: wanted.purpose,
        scope: wanted.scope.clone(),
        salt: random(),
    };
    let request = AccessRequest {
        network,
        requester: requester.member(),
        dataset: wanted.dataset,
        id: wanted.id,
        expires: SystemClock.now().plus_ms(REQUEST_LIFETIME_MS),
        max_price: wanted.max_price,
        receiving_key: Digest::of(&public),
        detail: detail.commitment(),
    };
    let call = AccessCall {
        request: Signed::sign(request, &requester.signing).to_bytes(),
        detail: encode(&detail),
        receiving_key: public,
        door: Door::Cli,
    };
    (call, receiving)
}

/// Opens a delivery with the key that the grant was sealed to.
fn reader(
    node: &Node,
    requester: &Identity,
    receiving: &SealKeyPair,
    delivery: &Delivery,
    granted: &Grant,
) -> Result<Reader, Failure> {
    let failed = |error: &dyn std::error::Error| {
        Failure::new("does-not-open", "the delivery does not open").because(error)
    };
    let holder = match granted.grantee {
        Party::Member(_) => None,
        // An organisation's packets are sealed to its own key; whoever holds that here opens them.
        Party::Organisation(organisation) => Some(organisation),
        Party::Group(group) => Some(groups::admin(node, group)?),
    };
    let Some(holder) = holder.filter(|holder| *holder != requester.member()) else {
        return Reader::new(delivery, &requester.sealing, receiving, granted.detail)
            .map_err(|error| failed(&error));
    };
    let holder = node.identity(&node.name_of(holder))?;
    if !matches!(granted.grantee, Party::Group(_)) {
        return Reader::new(delivery, &holder.sealing, receiving, granted.detail)
            .map_err(|error| failed(&error));
    }
    let mut grantee = Grantee::new();
    if let Some(wraps) = &delivery.wraps {
        let own = &requester.sealing;
        let wraps = wraps
            .rewrap(&holder.sealing.secret, &own.public, &mut rng())
            .map_err(|error| failed(&error))?;
        let binding = GrantBinding { dataset: granted.dataset, detail: granted.detail };
        grantee.accept(&own.secret, &binding, &wraps).map_err(|error| failed(&error))?;
    }
    Reader::with(grantee, delivery, receiving).map_err(|error| failed(&error))
}

/// Everything that was delivered, opened, and the charge settled.
pub(crate) async fn open(
    node: &Node,
    requester: &Identity,
    receiving: &SealKeyPair,
    delivery: &Delivery,
) -> Result<Vec<(RecordMeta, Zeroizing<Vec<u8>>)>, Failure> {
    let grant = delivery.granted.grant();
    let granted = node.pdc.view(|view| view.state.grant(grant).map(|g| g.grant.clone())).flatten();
    let granted =
        granted.ok_or_else(|| Failure::new("unknown-grant", "the grant is not on the ledger"))?;
    let reader = reader(node, requester, receiving, delivery, &granted)?;
    let mut opened = Vec::with_capacity(delivery.records.len());
    for (meta, entry) in &delivery.records {
        let ciphertext =
            node.pdc.ciphertext(&delivery.granted, meta.id).await.map_err(access_failure)?;
        let plain = reader.open(entry, &ciphertext).map_err(|error| {
            Failure::new("does-not-open", format!("record {} does not open", meta.id))
                .because(&error)
        })?;
        opened.push((meta.clone(), plain));
    }
    Ok(opened)
}

/// What came of a request, and the records if it was allowed.
pub(crate) type Answered = (Outcome, Vec<(RecordMeta, Zeroizing<Vec<u8>>)>);

/// Ask for data and open what comes. The call is on disk before it is sent, so that it can be sent again: after a hold,
/// or when the first answer was lost. When the answer is safe, say so with [`collected`].
pub(crate) async fn get(
    node: &Node,
    requester: &Identity,
    wanted: &Wanted,
) -> Result<Answered, Failure> {
    kept::forget_past(node, requester)?;
    let (call, receiving) = request(&node.pdc, requester, wanted);
    let sent = Kept { call, receiving };
    kept::keep(node, requester, wanted.id, &sent)?;
    send(node, requester, wanted.id, &sent).await
}

/// Send a call again, to the byte: it is the same request, decided once and charged once.
pub(crate) async fn get_again(
    node: &Node,
    requester: &Identity,
    id: RequestId,
) -> Result<Answered, Failure> {
    let sent = kept::find(node, requester, id)?;
    send(node, requester, id, &sent).await
}

/// Everything of a request is where it was to go: it is not sent again.
pub(crate) fn collected(node: &Node, requester: &Identity, id: RequestId) -> Result<(), Failure> {
    kept::forget(node, requester, id)
}

async fn send(
    node: &Node,
    requester: &Identity,
    id: RequestId,
    sent: &Kept,
) -> Result<Answered, Failure> {
    let outcome = node.pdc.access(&sent.call).await.map_err(access_failure)?;
    let opened = match &outcome {
        Outcome::Released(delivery) => open(node, requester, &sent.receiving, delivery).await?,
        Outcome::Held(_) => Vec::new(),
        Outcome::Denied(_) | Outcome::NotVisible => {
            kept::forget(node, requester, id)?;
            Vec::new()
        }
    };
    Ok((outcome, opened))
}

/// An owner's compartment keys. Kept beside the identity, encrypted; each can be destroyed by itself.
pub(crate) fn compartments(
    keystore: &Keystore,
    owner: &Identity,
) -> Result<CompartmentKeys, Failure> {
    let path = keystore.beside(&owner.card.name, "compartments");
    let damaged = || {
        Failure::new("compartments", format!("`{}` is damaged", path.display()))
            .hint("keep it as it is; `secnet restore` puts a backup into another folder")
            .exit(Exit::Verification)
    };
    let Some(sealed) = files::read_if_present(&path, MAX_COMPARTMENTS_BYTES)? else {
        return Ok(CompartmentKeys::new());
    };
    let key = secnet_crypto::ObjectKey::from_bytes(*owner.file_key());
    let bytes = secnet_crypto::open_object(&key, b"compartments", &sealed)
        .map_err(|error| damaged().because(&error))?;
    CompartmentKeys::from_bytes(&bytes).map_err(|error| damaged().because(&error))
}

pub(crate) fn save_compartments(
    keystore: &Keystore,
    owner: &Identity,
    keys: &CompartmentKeys,
) -> Result<(), Failure> {
    let path = keystore.beside(&owner.card.name, "compartments");
    let key = secnet_crypto::ObjectKey::from_bytes(*owner.file_key());
    let sealed = secnet_crypto::seal_object(&key, b"compartments", &keys.to_bytes(), &mut rng())
        .map_err(|error| lock_failure(&error))?;
    files::write_private(&path, &sealed)
}

/// A window from now for so many days.
pub(crate) fn days_from_now(days: u64) -> Window {
    let from = SystemClock.now();
    // A minute back, so that a clock a little ahead of the ledger's does not make the grant begin in the future.
    let from = Timestamp(from.0.saturating_sub(60_000));
    Window { from, until: from.plus_ms(days.saturating_mul(24 * 60 * 60 * 1000)) }
}

/// A scope of categories, normal sensitivity unless labels are named.
pub(crate) fn scope_of(categories: &[Category], labels: Labels) -> Scope {
    Scope {
        categories: (!categories.is_empty()).then(|| categories.iter().copied().collect()),
        labels: (!labels.is_empty()).then_some(labels),
        ..Scope::default()
    }
}

/// The id of a fresh request.
pub(crate) fn fresh_request() -> RequestId {
    RequestId(random())
}

pub(crate) fn lock_failure(error: &dyn std::error::Error) -> Failure {
    Failure::new("sealing", "the records could not be sealed").because(error)
}

/// Whom a grant or denial is about: a name or id, `org:NAME`, `group:NAME`.
pub(crate) fn party_of(node: &Node, text: &str) -> Result<Party, Failure> {
    if let Some(name) = text.strip_prefix("org:") {
        return node.member(name).map(Party::Organisation);
    }
    if let Some(name) = text.strip_prefix("group:") {
        return groups::find(node, name).map(Party::Group);
    }
    node.member(text).map(Party::Member)
}
