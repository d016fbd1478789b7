//! Ada's hosted dataset, and grants of fields on it.

use std::collections::BTreeSet;

use secnet_app::*;
use secnet_crypto::{SealKeyPair, StreamSuite};
use secnet_lock::*;
use secnet_types::*;

use crate::world::{Person, World, terms_of};

pub(crate) const RESULT: &str = r#"{"resourceType":"Observation","id":"o1","status":"final","valueQuantity":{"value":6.30,"unit":"mmol/L"},"note":[{"text":"SECRET-NOTE-7731"}]}"#;
pub(crate) const OTHER: &str = r#"{"resourceType":"Observation","id":"o2","status":"final","note":[{"text":"SECRET-NOTE-7731"}]}"#;
pub(crate) const MARK: &str = r#""meta":{"tag":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}]}"#;

/// A dataset that Ada lets the data centre open, before it is handed in.
pub(crate) struct Parcel {
    pub(crate) uploads: Vec<Upload>,
    pub(crate) stated: Stated,
    pub(crate) command: SignedCommand,
}

pub(crate) fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

pub(crate) fn meta(id: u8) -> RecordMeta {
    RecordMeta {
        id: RecordId([id; 16]),
        kind: "Observation".into(),
        category: Category::Laboratory,
        labels: Labels::NONE,
        period: None,
    }
}

pub(crate) fn sealed(world: &mut World, dataset: DatasetId, contents: &[(u8, &[u8])]) -> Upload {
    let metas: Vec<RecordMeta> = contents.iter().map(|(id, _)| meta(*id)).collect();
    let (owner, rng) = (world.ada.id, &mut world.rng);
    world.keys.ensure(owner, Category::Laboratory, Labels::NONE, rng).unwrap();
    let (directory, nodes) = (world.keys.directory(), [world.pdc.release.here()]);
    let spec = UploadSpec {
        dataset,
        owner: world.ada.id,
        compartments: &directory,
        release_nodes: &nodes,
        threshold: 1,
        suite: StreamSuite::ChaCha20Poly1305,
    };
    let each = metas.iter().zip(contents).map(|(meta, (_, content))| (meta, *content));
    Upload { sealed: seal_upload(spec, each, &mut world.rng).unwrap(), metas }
}

pub(crate) fn packet(world: &mut World, dataset: DatasetId, upload: &Upload) -> HostingPacket {
    let records = upload.metas.iter().map(|meta| meta.id).collect();
    let of = (dataset, upload.sealed.upload);
    let host = world.pdc.hosting_key().clone();
    let packets = &upload.sealed.compartment_packets;
    host_upload(of, &records, packets, &world.keys, &host, &mut world.rng).unwrap()
}

pub(crate) fn parcel(world: &mut World, name: u8, contents: &[(u8, &[u8])]) -> Parcel {
    let id = CommandId([name; 16]);
    let dataset = DatasetId::derive(world.ada.id, id);
    let upload = sealed(world, dataset, contents);
    let hosting = vec![packet(world, dataset, &upload)];
    let uploads = vec![upload];
    let listed = DatasetManifest::of(world.salt(), &uploads);
    let (terms, detail) = terms_of(&mut world.rng, &world.clock);
    let terms = Terms { level: ServiceLevel::Hosted, ..terms };
    let manifest = listed.commitment();
    let command = Command {
        network: world.pdc.network(),
        author: world.ada.id,
        id,
        expires: world.clock_now().plus_ms(60_000),
        operation: Operation::RegisterDataset { pdc: world.node.id, terms, manifest },
    };
    let command = SignedCommand::sign(command, world.ada.key.as_ref());
    let stated = Stated { terms: detail, manifest: Some(listed), hosting };
    Parcel { uploads, stated, command }
}

/// Ada's hosted dataset is the world's from now on.
pub(crate) async fn hosted(world: &mut World, contents: &[(u8, &[u8])]) {
    let Parcel { uploads, stated, command } = parcel(world, 9, contents);
    world.dataset = world.pdc.take_in(uploads, &stated, &command).await.unwrap().0;
}

pub(crate) fn fields_grant(world: &mut World, fields: &[&str], price: u64) -> (Grant, Enclosures) {
    let mut detail = world.detail(None);
    detail.scope.fields = Some(set(fields));
    let (grant, _) = world.grant(&detail, price);
    let binding = GrantBinding { dataset: world.dataset, detail: detail.commitment() };
    let (to, keys) = (&world.bo.sealing.public, &world.keys);
    let wraps = wrap_for_grantee(binding, &[], keys, to, &mut world.rng).unwrap();
    let grant = Grant { uses: None, wraps: wraps.digest(), ..grant };
    (grant, Enclosures { detail: Some(detail), wraps: Some(wraps) })
}

pub(crate) async fn granted(world: &mut World, fields: &[&str], price: u64) -> GrantId {
    let (grant, enclosures) = fields_grant(world, fields, price);
    let command = world.sign(&world.ada, Operation::Grant { grant });
    world.pdc.order(&command, enclosures).await.unwrap();
    Pdc::grant_made_by(&command).unwrap()
}

pub(crate) fn call(
    world: &mut World,
    who: &Person,
    fields: Option<&[&str]>,
) -> (AccessCall, SealKeyPair) {
    let (mut call, receiving) = world.call(who, Purpose::Treatment, None);
    let detail = RequestDetail {
        action: Action::Read,
        purpose: Purpose::Treatment,
        scope: Scope { fields: fields.map(set), ..Scope::default() },
        salt: world.salt(),
        proof_for: None,
    };
    let request: Signed<AccessRequest> = Signed::parse(&call.request).unwrap();
    let request = AccessRequest { detail: detail.commitment(), ..request.value };
    call.request = Signed::sign(request, who.key.as_ref()).to_bytes();
    call.detail = encode(&detail);
    (call, receiving)
}

pub(crate) fn projected(outcome: Outcome) -> Projected {
    match outcome {
        Outcome::Projected(projected) => *projected,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn texts(projected: &Projected, receiving: &SealKeyPair) -> Vec<String> {
    let opened = projected.open(receiving).unwrap().into_iter();
    opened.map(|(_, plain)| String::from_utf8(plain.to_vec()).unwrap()).collect()
}
