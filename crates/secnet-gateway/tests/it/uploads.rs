//! Datasets over HTTP: ciphertext first, then the command that claims it.

use reqwest::StatusCode;
use secnet_app::ports::{EntryKind, EntryName};
use secnet_app::*;
use secnet_crypto::{Address, StreamSuite};
use secnet_gateway::{Call, sign_call};
use secnet_lock::*;
use secnet_types::*;
use serde_json::{Value, json};

use crate::client::*;
use crate::world::{Person, World, terms_of};

/// What an owner's side has sealed, and the command that registers it.
struct Sealed {
    dataset: DatasetId,
    upload: SealedUpload,
    metas: Vec<RecordMeta>,
    terms: TermsDetail,
    listed: DatasetManifest,
    command: SignedCommand,
}

fn sealed(node: &mut Node, owner: &Person, id: u8) -> Sealed {
    let world = &mut node.world;
    let command = CommandId([id; 16]);
    let dataset = DatasetId::derive(owner.id, command);
    let meta = RecordMeta {
        id: RecordId([id; 16]),
        kind: "Observation".into(),
        category: Category::Laboratory,
        labels: Labels::NONE,
        period: None,
    };
    let mut keys = CompartmentKeys::new();
    keys.ensure(owner.id, meta.category, meta.labels, &mut world.rng).unwrap();
    let nodes = [world.pdc.release.here()];
    let directory = keys.directory();
    let spec = UploadSpec {
        dataset,
        owner: owner.id,
        compartments: &directory,
        release_nodes: &nodes,
        threshold: world.pdc.release.threshold(),
        suite: StreamSuite::ChaCha20Poly1305,
    };
    let content = vec![id; 200_000];
    let upload = seal_upload(spec, [(&meta, content.as_slice())], &mut world.rng).unwrap();
    let whole = Upload { sealed: upload.clone(), metas: vec![meta.clone()] };
    let listed = DatasetManifest::of(world.salt(), core::slice::from_ref(&whole));
    let manifest = listed.commitment();
    let (stated, terms) = terms_of(&mut world.rng, &world.clock);
    let operation = Operation::RegisterDataset { pdc: world.node.id, terms: stated, manifest };
    let command = Command {
        network: world.pdc.network(),
        author: owner.id,
        id: command,
        expires: world.clock_now().plus_ms(60_000),
        operation,
    };
    let command = SignedCommand::sign(command, owner.key.as_ref());
    Sealed { dataset, upload, metas: vec![meta], terms, listed, command }
}

impl Sealed {
    fn body(&self) -> Value {
        let upload = &self.upload;
        let records: Vec<Value> = self.metas.iter().zip(&upload.entries).map(|(meta, entry)| {
            json!({ "meta": b64(&encode(meta)), "entry": b64(&entry.to_bytes()) })
        }).collect();
        let compartments = upload.compartment_packets.iter().map(|p| b64(&p.to_bytes()));
        let releases = upload.release_packets.iter().map(|p| b64(&p.to_bytes()));
        json!({
            "command": b64(&self.command.to_bytes()),
            "terms": b64(&encode(&self.terms)),
            "manifest": b64(&encode(&self.listed)),
            "uploads": [{
                "manifest": b64(&upload.manifest.to_bytes()),
                "records": records,
                "compartment_packets": compartments.collect::<Vec<_>>(),
                "release_packets": releases.collect::<Vec<_>>(),
            }],
        })
    }

    async fn send_ahead(&self, node: &Node, who: &Person) {
        for segment in &self.upload.segments {
            let put = put(node, who, &segment.address.to_string(), &segment.bytes);
            assert_eq!(put.send().await.unwrap().status(), StatusCode::NO_CONTENT);
        }
    }
}

/// A signed call that stores a segment.
fn put(node: &Node, who: &Person, address: &str, content: &[u8]) -> reqwest::RequestBuilder {
    let path = format!("/v1/segments/{address}");
    let call = Call {
        method: "PUT",
        authority: &node.authority,
        path: &path,
        query: "",
        body: Some(content),
    };
    let at = (node.now(), node.nonce());
    let signature = sign_call(&call, who.id, true, who.key.as_ref(), at);
    node.bare("PUT", &path)
        .header("signature-input", signature.input)
        .header("signature", signature.signature)
        .header("content-digest", signature.content_digest.unwrap())
        .header("content-type", "application/octet-stream")
        .body(content.to_vec())
}

async fn stored(node: &Node, address: Address) -> bool {
    node.world.pdc.vault.get_segment(address, 0..1).await.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dataset_is_registered_from_segments_that_came_ahead() {
    let mut node = Node::start(1).await;
    let ada = World::copy(&node.world.ada);
    let sealed = sealed(&mut node, &ada, 9);
    sealed.send_ahead(&node, &ada).await;
    let answer = node.post(&ada, "/v1/datasets", &sealed.body()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert_eq!(answer.body["dataset"], sealed.dataset.to_string());
    assert_eq!(answer.body["repeated"], false);
    let again = node.post(&ada, "/v1/datasets", &sealed.body()).await;
    assert_eq!((again.status, &again.body["repeated"]), (StatusCode::OK, &json!(true)));
    let contents = node.get(&ada, &format!("/v1/datasets/{}/contents", sealed.dataset)).await;
    assert_eq!(contents.body["records"][0]["record"], RecordId([9; 16]).to_string());

    // Claimed, it is not cleared away, though its time would be over.
    node.world.clock.advance(AHEAD_MS + 1);
    assert_eq!(node.world.pdc.clear_ahead().await.unwrap(), 0);
    for segment in &sealed.upload.segments {
        let length = segment.bytes.len() as u64;
        let kept = node.world.pdc.vault.get_segment(segment.address, 0..length).await.unwrap();
        assert_eq!(kept, segment.bytes);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_is_told_what_the_next_command_goes_on_from() {
    let mut node = Node::start(8).await;
    let ada = World::copy(&node.world.ada);
    let sealed = sealed(&mut node, &ada, 9);
    sealed.send_ahead(&node, &ada).await;
    assert_eq!(node.post(&ada, "/v1/datasets", &sealed.body()).await.status, StatusCode::OK);
    let at = |what: &str| format!("/v1/datasets/{}/{what}", sealed.dataset);
    let told = node.get(&ada, &at("terms")).await;
    let detail = TermsDetail::from_bytes(&bytes(&told.body["detail"])).unwrap();
    let terms: Terms = decode("terms", &bytes(&told.body["terms"]), 4096).unwrap();
    assert_eq!((&detail, terms.detail), (&sealed.terms, sealed.terms.commitment()));

    let told = node.get(&ada, &at("uploads")).await;
    let uploads = told.body["uploads"].as_array().unwrap();
    assert_eq!((uploads.len(), told.body.get("next")), (1, None), "{}", told.text);
    assert_eq!(uploads[0]["upload"], sealed.upload.upload.to_string());
    assert_eq!(uploads[0]["records"], json!([RecordId([9; 16]).to_string()]));
    let packets = uploads[0]["packets"].as_array().unwrap().iter();
    let packets: Vec<_> =
        packets.map(|packet| CompartmentPacket::from_bytes(&bytes(packet)).unwrap()).collect();
    assert_eq!(packets, sealed.upload.compartment_packets);
    let after = format!("{}?after={}", at("uploads"), sealed.upload.upload);
    assert_eq!(node.get(&ada, &after).await.body["uploads"], json!([]));
    for after in ["x", "+1", &"F".repeat(32), &"0".repeat(31)] {
        let got = node.get(&ada, &format!("{}?after={after}", at("uploads"))).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{after}");
    }

    // What a command would become is told before its records are there.
    let mut foreseen = sealed.command.value.clone();
    let terms = Terms { price: Amount(7), ..terms };
    let (dataset, pdc, manifest) = (sealed.dataset, node.world.node.id, Digest::ZERO);
    foreseen.id = CommandId([77; 16]);
    foreseen.operation = Operation::UpdateDataset { dataset, pdc, terms, manifest };
    let body = |who: &Person, mut command: Command| {
        command.author = who.id;
        let command = SignedCommand::sign(command, who.key.as_ref());
        json!({ "command": b64(&command.to_bytes()) })
    };
    let path = "/v1/commands/forecast";
    let told = node.post(&ada, path, &body(&ada, foreseen.clone())).await;
    assert_eq!(told.status, StatusCode::OK, "{}", told.text);
    let eve = World::copy(&node.world.eve);
    let told = node.post(&eve, path, &body(&eve, foreseen.clone())).await;
    assert_eq!(told.body["code"], "unknown-dataset", "{}", told.text);
    let ordered = node.post(&ada, "/v1/commands", &body(&ada, foreseen)).await;
    assert_eq!(ordered.body["code"], "malformed", "only together with what it commits to");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_that_nobody_claims_is_cleared_away() {
    let mut node = Node::start(2).await;
    let ada = World::copy(&node.world.ada);
    let sealed = sealed(&mut node, &ada, 9);
    sealed.send_ahead(&node, &ada).await;
    let address = sealed.upload.segments[0].address;
    node.world.clock.advance(AHEAD_MS - 1);
    assert_eq!(node.world.pdc.clear_ahead().await.unwrap(), 0);
    assert!(stored(&node, address).await);
    node.world.clock.advance(1);
    // Also by a data centre that was started since.
    node.world.restart().await;
    assert_eq!(node.world.pdc.clear_ahead().await.unwrap(), sealed.upload.segments.len());
    assert!(!stored(&node, address).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dataset_points_at_nothing_that_its_owner_has_not_sent() {
    let mut node = Node::start(3).await;
    let (ada, eve) = (World::copy(&node.world.ada), World::copy(&node.world.eve));
    let mine = sealed(&mut node, &ada, 9);
    let missing = node.post(&ada, "/v1/datasets", &mine.body()).await;
    assert_eq!(
        (missing.status, &missing.body["code"]),
        (StatusCode::BAD_REQUEST, &json!("malformed"))
    );
    // Sent by another member.
    mine.send_ahead(&node, &eve).await;
    let others = node.post(&ada, "/v1/datasets", &mine.body()).await;
    assert_eq!((others.status, &others.text), (missing.status, &missing.text));
    // Handed in by another than who signed the command.
    let stolen = node.post(&eve, "/v1/datasets", &mine.body()).await;
    assert_eq!(stolen.body["code"], "other-key");
    mine.send_ahead(&node, &ada).await;
    assert_eq!(node.post(&ada, "/v1/datasets", &mine.body()).await.status, StatusCode::OK);
    // What she owns now does not go when the other's time is over.
    node.world.clock.advance(AHEAD_MS + 1);
    assert!(node.world.pdc.clear_ahead().await.unwrap() > 0);
    assert!(stored(&node, mine.upload.segments[0].address).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_ledger_refuses_leaves_the_segments_for_another_command() {
    let mut node = Node::start(4).await;
    let ada = World::copy(&node.world.ada);
    let mut sealed = sealed(&mut node, &ada, 9);
    sealed.send_ahead(&node, &ada).await;
    let good = sealed.command.clone();
    let late = Command { expires: node.now(), ..good.value.clone() };
    sealed.command = SignedCommand::sign(late, ada.key.as_ref());
    let refused = node.post(&ada, "/v1/datasets", &sealed.body()).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.text);
    let address = sealed.upload.segments[0].address;
    assert!(stored(&node, address).await);
    let owner = EntryName::new(EntryKind::SegmentOwner, &[], address.as_bytes());
    assert_eq!(node.world.pdc.archive.get(&owner).await.unwrap(), None);
    sealed.command = good;
    assert_eq!(node.post(&ada, "/v1/datasets", &sealed.body()).await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_is_the_one_of_its_address_and_of_the_signed_digest() {
    let node = Node::start(5).await;
    let bo = World::copy(&node.world.bo);
    let (content, other) = (vec![1; 100_000], vec![2; 100_000]);
    let address = Address::of(&content);
    let wrong = answer(put(&node, &bo, &address.to_string(), &other).send().await.unwrap()).await;
    assert_eq!((wrong.status, &wrong.body["code"]), (StatusCode::BAD_REQUEST, &json!("malformed")));
    let forged = put(&node, &bo, &address.to_string(), &other).body(content.clone());
    let forged = answer(forged.send().await.unwrap()).await;
    assert!(forged.text.contains("not the one whose digest was signed"), "{}", forged.text);
    for address in [address, Address::of(&other)] {
        assert!(!stored(&node, address).await);
    }
    // Refused by its head alone: a body that is still on its way, and the next call on it, would meet a closed connection.
    let named = answer(put(&node, &bo, "b3:zz", b"x").send().await.unwrap()).await;
    assert_eq!(named.status, StatusCode::BAD_REQUEST);
    let typed = put(&node, &bo, &address.to_string(), b"x");
    let typed = typed.header("content-encoding", "gzip").send().await.unwrap();
    assert_eq!(typed.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let put = put(&node, &bo, &address.to_string(), &content).send().await.unwrap();
    assert_eq!(put.status(), StatusCode::NO_CONTENT);
    assert!(stored(&node, address).await);
}

/// The head of a call whose body is announced and never sent.
async fn announced(node: &Node, length: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let bo = &node.world.bo;
    let path = format!("/v1/segments/{}", Address::of(b"x"));
    let call = Call {
        method: "PUT",
        authority: &node.authority,
        path: &path,
        query: "",
        body: Some(b"x"),
    };
    let at = (node.now(), node.nonce());
    let signature = sign_call(&call, bo.id, true, bo.key.as_ref(), at);
    let head = format!(
        "PUT {path} HTTP/1.1\r\nhost: {}\r\nsignature-input: {}\r\nsignature: {}\r\ncontent-digest: {}\r\n\
         content-type: application/octet-stream\r\n{length}\r\n\r\n",
        node.authority,
        signature.input,
        signature.signature,
        signature.content_digest.unwrap(),
    );
    let mut stream = tokio::net::TcpStream::connect(&node.authority).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut start = vec![0; 12];
    stream.read_exact(&mut start).await.unwrap();
    String::from_utf8(start).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn too_long_a_segment_is_refused_before_it_is_sent() {
    let node = Node::start(6).await;
    let long = format!("content-length: {}", MAX_SEGMENT_BYTES + 1);
    assert_eq!(announced(&node, &long).await, "HTTP/1.1 413");
    assert_eq!(announced(&node, "transfer-encoding: chunked").await, "HTTP/1.1 411");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_has_only_so_much_here_that_no_command_claims() {
    let node = Node::start(7).await;
    let (pdc, bo) = (&node.world.pdc, node.world.bo.id);
    let address = |n: u8| Address::of(&[n]);
    for n in 0..2 {
        pdc.begin_segment(bo, address(n), MAX_SEGMENT_BYTES).await.unwrap();
    }
    let third = pdc.begin_segment(bo, address(2), 1).await.err();
    assert_eq!(third, Some(AccessError::Quota));
    // Sent again, the same segment counts once.
    pdc.begin_segment(bo, address(1), MAX_SEGMENT_BYTES - 1).await.unwrap();
    pdc.begin_segment(bo, address(2), 1).await.unwrap();
    pdc.begin_segment(node.world.eve.id, address(3), 1).await.unwrap();
    let answer = answer(
        put(&node, &node.world.bo, &Address::of(b"y").to_string(), b"y").send().await.unwrap(),
    )
    .await;
    assert_eq!((answer.status, &answer.body["code"]), (StatusCode::CONFLICT, &json!("quota")));
    node.world.clock.advance(AHEAD_MS);
    pdc.clear_ahead().await.unwrap();
    pdc.begin_segment(bo, address(4), MAX_SEGMENT_BYTES).await.unwrap();
}
