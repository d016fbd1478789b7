//! P7: storage learns nothing. No content is in the vault or the archive in the clear; what was erased opens to nobody.

use std::collections::{BTreeMap, BTreeSet};

use secnet_app::ports::{Archive as _, EntryKind};
use secnet_crypto::SealKeyPair;
use secnet_lock::{ReleaseContext, ReleaseNode, ReleasePacket};
use secnet_types::{DecisionId, RecordId, RequestId};

use super::{Violation, contains};
use crate::chance::Chance;
use crate::job::Done;
use crate::world::World;

const NAME: &str = "P7, storage learns nothing";

pub(crate) fn check(world: &World) -> Result<(), Violation> {
    let mut wanted = Wanted::default();
    wanted.insert("content", b"PLAINTEXT ");
    for (what, secret) in &world.known.secrets {
        wanted.insert(what, secret);
    }
    for dataset in world.known.datasets.keys() {
        wanted.insert("the id of a dataset", &dataset.0);
    }
    let (archive, vault) = (&world.process.archive.folder, &world.process.vault.folder);
    for (whose, bytes) in archive
        .platter()
        .into_iter()
        .map(|bytes| ("archive", bytes))
        .chain(vault.platter().into_iter().map(|bytes| ("vault", bytes)))
    {
        if let Some(what) = wanted.first_in(&bytes) {
            return Err(Violation::of(NAME, format!("{what} is in the {whose}'s files")));
        }
    }
    erased_opens_to_nobody(world)
}

/// Byte strings to look for, all in one pass.
#[derive(Default)]
struct Wanted {
    by_start: BTreeMap<[u8; 8], Vec<(&'static str, Vec<u8>)>>,
    starts: BTreeSet<u16>,
}

impl Wanted {
    fn insert(&mut self, what: &'static str, bytes: &[u8]) {
        let Some(start) = bytes.first_chunk::<8>() else { return };
        let [first, second, ..] = *start;
        self.starts.insert(u16::from_be_bytes([first, second]));
        self.by_start.entry(*start).or_default().push((what, bytes.to_vec()));
    }

    fn first_in(&self, bytes: &[u8]) -> Option<&'static str> {
        let mut begins = vec![false; 1 << 16];
        for start in &self.starts {
            if let Some(begins) = begins.get_mut(usize::from(*start)) {
                *begins = true;
            }
        }
        bytes.windows(8).enumerate().find_map(|(at, window)| {
            let start = *window.first_chunk::<8>()?;
            let [first, second, ..] = start;
            let begins = begins.get(usize::from(u16::from_be_bytes([first, second])));
            if begins != Some(&true) {
                return None;
            }
            let rest = bytes.get(at..)?;
            let found = self.by_start.get(&start)?.iter();
            found.filter(|(_, wanted)| rest.starts_with(wanted)).map(|(what, _)| *what).next()
        })
    }
}

/// With the archive's and the release node's keys in hand, no share of an erased record is left on the disk.
fn erased_opens_to_nobody(world: &World) -> Result<(), Violation> {
    let node = ReleaseNode::new(SealKeyPair::from_seed(world.cast.release_node));
    for record in &world.known.erased {
        let Some(upload) = world.known.uploads.get(record) else { continue };
        let archive = &world.process.archive.archive;
        let packets = world.alone(archive.list(EntryKind::ReleasePacket, &upload.0));
        for (_, bytes) in packets.map_err(Violation::setup)? {
            let packet = ReleasePacket::from_bytes(&bytes).map_err(Violation::setup)?;
            let context = ReleaseContext {
                request: RequestId([0; 16]),
                decision: DecisionId([0; 16]),
                dataset: packet.header.dataset,
            };
            let released = node.release(
                &[packet],
                &BTreeSet::from([*record]),
                context,
                node.public(),
                &mut Chance::new(world.seed, 7).rng(),
            );
            if released.is_ok() {
                return Err(Violation::of(
                    NAME,
                    format!("the share of erased record {record} is kept"),
                ));
            }
        }
    }
    // The keys under which it was sealed, too.
    let watch = world.watch.lock();
    let forgotten = watch.forgotten.iter();
    let platter = world.process.archive.folder.platter();
    for sealed in forgotten {
        if platter.iter().any(|bytes| contains(bytes, sealed)) {
            return Err(Violation::of(NAME, "a key file that was to be forgotten is kept".into()));
        }
    }
    Ok(())
}

/// Whatever was erased before the question was put is not in the answer.
pub(crate) fn of_an_answer(
    _world: &World,
    done: &Done,
    erased: &BTreeSet<RecordId>,
) -> Result<(), Violation> {
    let Done::Released(released) = done else { return Ok(()) };
    match released.records.iter().find(|(id, _)| erased.contains(id)) {
        Some((id, _)) => Err(Violation::of(NAME, format!("record {id} opens after its erasure"))),
        None => Ok(()),
    }
}
