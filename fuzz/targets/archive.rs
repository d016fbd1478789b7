//! What the private archive holds, by kind of entry.
#![no_main]

use libfuzzer_sys::fuzz_target;
use secnet_app::ports::EntryKind;
use secnet_app::{Catalogue, DatasetManifest, FactsRecord, Standing, SummaryRecord, TermsDetail};
use secnet_fuzz::same;
use secnet_types::GrantDetail;

const LIMIT: usize = 1 << 20;

fuzz_target!(|input: &[u8]| {
    let Some((kind, value)) = input.split_first() else { return };
    match *kind {
        kind if kind == EntryKind::ConsentDetail as u8 => {
            if let Some(detail) = same::<GrantDetail>(value, LIMIT) {
                let mut other = detail.clone();
                other.salt[0] ^= 1;
                assert_ne!(detail.commitment(), other.commitment(), "a salt that does not count");
            }
        }
        kind if kind == EntryKind::TermsDetail as u8 => drop(same::<TermsDetail>(value, LIMIT)),
        kind if kind == EntryKind::Manifest as u8 => drop(same::<Catalogue>(value, LIMIT)),
        kind if kind == EntryKind::Facts as u8 => drop(same::<FactsRecord>(value, LIMIT)),
        kind if kind == EntryKind::DatasetManifest as u8 => {
            drop(same::<DatasetManifest>(value, LIMIT));
        }
        kind if kind == EntryKind::DenialSummary as u8 => {
            drop(same::<SummaryRecord>(value, LIMIT));
        }
        kind if kind == EntryKind::ModelStanding as u8 => drop(same::<Standing>(value, LIMIT)),
        _ => {}
    }
});
