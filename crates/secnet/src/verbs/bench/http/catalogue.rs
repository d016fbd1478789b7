//! The first page of a large catalogue, as somebody sees it who was granted a part of it.

use secnet_app::TermsDetail;
use secnet_app::ports::{Archive as _, Change, EntryKind, EntryName};
use secnet_types::{
    Amount, DatasetId, Digest, Operation, Party, ServiceLevel, Terms, Timestamp, encode,
};

use super::super::commands::grant;
use super::super::net::{sign, submit_all};
use super::super::row::{Bar, Row, figure, ms};
use super::super::{Place, broken, wrong};
use super::bare;
use super::load::{Load, Written};
use super::world::World;
use crate::failure::Failure;
use crate::keystore::Identity;
use crate::output::Output;
use crate::system::random;

const DATASETS: usize = 10_000;
const OWNERS: usize = 50;
/// Of every so many datasets one is granted.
const GRANTED: usize = 2;
/// Entries that are written to the archive at once.
const CHUNK: usize = 1000;
/// Clients at once, beside the one alone.
const CLIENTS: usize = 16;
const PATH: &str = "/v1/datasets";
const BAR_MS: f64 = 20.0;

pub(in super::super) async fn run(place: &Place, out: Output) -> Result<Vec<Row>, Failure> {
    let world = World::begin(&place.dir).await?;
    let reader = world.person("reader").await?;
    out.say(&format!("  registering {} datasets ...", figure(DATASETS as f64)));
    fill(&world, &reader).await?;
    let reader = world.delegated(reader).await?;
    let (alone, each) = (place.amount(1000, 100), place.amount(50, 8));
    let call = Written::new(("GET", PATH), &world.authority, Some(&reader.token), None);
    let load = |clients: usize| Load {
        place,
        authority: &world.authority,
        calls: vec![vec![call.clone()]; clients],
    };
    out.say(&format!("  one client, {alone} pages ..."));
    let one = load(1).closed(alone).await?;
    out.say(&format!("  {CLIENTS} clients, {} pages ...", each * CLIENTS));
    let many = load(CLIENTS).closed(each).await?;
    let bytes = one.each_bytes();
    out.say("  one client at a bare handler ...");
    let bare = bare::answers(place, (0, bytes), (1, alone)).await?;
    world.end();
    Ok(vec![
        Row::new(
            "catalogue, first page under consent, p99",
            (ms(one.times.p99()), "ms"),
            None,
            Bar::AtMost(BAR_MS),
        )
        .workload(format!(
            "GET {PATH}: 100 of {} datasets of {OWNERS} owners, of which every {GRANTED}nd is granted to whoever asks; {} pages one after the other, {} bytes each",
            figure(DATASETS as f64),
            figure(alone as f64),
            figure(bytes as f64)
        ))
        .detail(format!(
            "p50 {} ms; {CLIENTS} clients at once: p50 {} ms, p99 {} ms, {} pages/s",
            figure(ms(one.times.p50())),
            figure(ms(many.times.p50())),
            figure(ms(many.times.p99())),
            figure(many.rate)
        ))
        .detail(format!(
            "a bare axum handler that answers as many bytes, one client: p50 {} ms, p99 {} ms",
            figure(ms(bare.times.p50())),
            figure(ms(bare.times.p99()))
        )),
    ])
}

/// Through the ledger's queue, with the titles in the archive where a page finds them.
async fn fill(world: &World, reader: &Identity) -> Result<(), Failure> {
    let (network, pdc) = (world.node.pdc.network(), world.node.pdc.member);
    let mut owners = Vec::with_capacity(OWNERS);
    for number in 0..OWNERS {
        owners.push(world.person(&format!("owner-{number}")).await?.signing);
    }
    let (mut registered, mut granted, mut titles) = (Vec::new(), Vec::new(), Vec::new());
    for (number, owner) in owners.iter().cycle().take(DATASETS).enumerate() {
        let (detail, terms) = terms(number);
        let operation = Operation::RegisterDataset { pdc, terms, manifest: Digest(random()) };
        let command = sign(network, owner, operation);
        let dataset = DatasetId::derive(command.value.author, command.value.id);
        if number % GRANTED == 0 {
            let to = Party::Member(reader.member());
            granted.push(sign(network, owner, grant(dataset, to)).to_bytes());
        }
        registered.push(command.to_bytes());
        let name = EntryName::new(EntryKind::TermsDetail, &[], &detail.commitment().0);
        titles.push(Change { name, value: Some(encode(&detail)) });
    }
    for part in titles.chunks(CHUNK) {
        let written = world.node.archive.write(part.to_vec()).await;
        written.map_err(|error| broken("the archive", &error))?;
    }
    submit_all(&world.node.ledger, registered).await?;
    submit_all(&world.node.ledger, granted).await?;
    let known = world.node.pdc.catalogue(reader.member(), None, 100).await;
    let known = known.map_err(|error| broken("the catalogue", &error))?;
    let titled = known.datasets.iter().filter(|known| known.title.is_some()).count();
    if titled == 100 { Ok(()) } else { Err(wrong("the first page is not full")) }
}

fn terms(number: usize) -> (TermsDetail, Terms) {
    let detail = TermsDetail {
        title: format!("records of patient {number}"),
        purposes: None,
        actions: None,
        salt: random(),
    };
    let terms = Terms {
        price: Amount(1),
        level: ServiceLevel::Sealed,
        expires: Timestamp::MAX,
        max_uses: None,
        beneficiaries: Vec::new(),
        detail: detail.commitment(),
    };
    (detail, terms)
}
