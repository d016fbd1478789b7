//! Something to try in a new network on this machine: members, money, a dataset and a grant, ordered by its validators.

use std::path::PathBuf;

use secnet_types::{Action, Category, DatasetId, Labels, Party, Purpose};

use crate::actions::{self, Permission};
use crate::cli::Globals;
use crate::failure::Failure;
use crate::files;
use crate::ingest;
use crate::network::Local;
use crate::node::{GOVERNOR, Node, access_failure};
use crate::output::Output;
use crate::sample;

/// What each requester has to spend.
const UNITS: u64 = 50;
const DAYS: u64 = 30;
/// Longest name of a dataset, in bytes.
const MAX_ID_BYTES: u64 = 256;

fn note(net: &Local) -> PathBuf {
    net.dir.join("sample")
}

/// The dataset that there is to try.
pub(super) fn dataset(net: &Local) -> Option<DatasetId> {
    let text = files::read_text(&note(net), MAX_ID_BYTES).ok()?;
    text.trim().parse().ok()
}

/// Make it at the first node, in this process, while the others run.
pub(super) async fn make(globals: &Globals, out: Output, net: &Local) -> Result<(), Failure> {
    let here = net.node(1)?;
    let passphrase = globals.passphrase_of(&here.dir)?;
    let (place, network) = (&here.settings.vault, here.settings.network.as_ref());
    let node = Node::open_in(&here.dir, &passphrase, place, network).await?;
    let made = at(&node, out).await;
    let closed = node.close().await;
    let dataset = made?;
    closed?;
    files::write_private(&note(net), dataset.to_string().as_bytes())
}

async fn at(node: &Node, out: Output) -> Result<DatasetId, Failure> {
    let governor = node.identity(GOVERNOR)?;
    node.pdc.keep_sealing_key(&governor.sealing.public).await.map_err(access_failure)?;
    let cast = sample::cast(node).await?;
    for who in [&cast.doctor, &cast.attacker] {
        sample::issue(node, who.member(), UNITS).await?;
    }
    let patient = ingest::sample(ingest::FIRST_SAMPLE)?;
    let dataset = sample::register(node, out, &cast.owner, &patient).await?;
    let permission = Permission {
        dataset,
        to: Party::Member(cast.doctor.member()),
        purposes: [Purpose::Treatment].into(),
        actions: [Action::Read].into(),
        scope: actions::scope_of(&[Category::Laboratory], Labels::NONE),
        window: actions::days_from_now(DAYS),
        uses: None,
        price: sample::PRICE,
        emergency: false,
    };
    actions::grant(node, &cast.owner, &permission, None).await?;
    Ok(dataset)
}
