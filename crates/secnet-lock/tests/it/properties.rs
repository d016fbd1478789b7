//! Properties over small random uploads.

use std::collections::BTreeSet;

use proptest::prelude::*;
use secnet_lock::*;
use secnet_types::*;

use crate::world::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Exactly the released records open, whichever t nodes answer.
    #[test]
    fn exactly_the_released_records_open(
        (nodes, threshold) in (1u8..=4).prop_flat_map(|n| (Just(n), 1..=n)),
        sizes in prop::collection::vec(0usize..3000, 1..5),
        released in any::<u8>(),
        first in any::<u8>(),
    ) {
        let ids: Vec<u8> = (1..=u8::try_from(sizes.len()).unwrap()).collect();
        let records: Vec<_> =
            ids.iter().zip(&sizes).map(|(id, len)| (lab(*id), content(*id, *len))).collect();
        let mut world = World::new(threshold, nodes, &records);
        let mut named: Vec<u8> =
            ids.iter().copied().filter(|id| released >> (id % 8) & 1 == 1).collect();
        if named.is_empty() {
            named.push(1);
        }
        let asked: Vec<usize> = (0..threshold)
            .map(|at| usize::from(at.wrapping_add(first % nodes) % nodes))
            .collect();
        let answers = world.ask(&asked, &named);
        let shares = world.receive(&answers);
        let mut grantee = world.granted();
        for (id, len) in ids.iter().zip(&sizes) {
            match world.open(&mut grantee, &shares, *id) {
                Ok(opened) => {
                    prop_assert!(named.contains(id));
                    prop_assert_eq!(&*opened, &content(*id, *len));
                }
                Err(refused) => {
                    prop_assert!(!named.contains(id));
                    prop_assert_eq!(
                        refused,
                        UnlockError::TooFewShares { got: 0, needed: threshold }
                    );
                }
            }
        }
    }

    /// No decoder accepts two forms, and none panics.
    #[test]
    fn decoders_are_strict(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(entry) = RecordEntry::from_bytes(&bytes) {
            prop_assert_eq!(entry.to_bytes(), bytes.clone());
        }
        if let Ok(packet) = ReleasePacket::from_bytes(&bytes) {
            prop_assert_eq!(packet.to_bytes(), bytes.clone());
        }
        if let Ok(keys) = CompartmentKeys::from_bytes(&bytes) {
            prop_assert_eq!(keys.to_bytes().to_vec(), bytes.clone());
        }
        if let Ok(plan) = ShredPlan::from_bytes(&bytes) {
            prop_assert_eq!(plan.to_bytes(), bytes);
        }
    }

    /// A scope's compartments are those that can hold a record it covers.
    #[test]
    fn compartments_agree_with_scopes(
        categories in prop::option::of(prop::collection::btree_set(0usize..16, 0..4)),
        labels in prop::option::of(0u32..128),
        record_category in 0usize..16,
        record_labels in 0u32..128,
    ) {
        let set = |bits: u32| -> Labels {
            Label::ALL.iter().copied().filter(|l| bits >> l.number() & 1 == 1).collect()
        };
        let categories: Option<BTreeSet<Category>> =
            categories.map(|all| all.into_iter().map(|at| Category::ALL[at]).collect());
        let scope = Scope { categories, labels: labels.map(set), ..Scope::default() };
        let record = meta(1, Category::ALL[record_category], set(record_labels));
        let compartment = Compartment {
            owner: OWNER,
            category: record.category,
            labels: record.labels,
            epoch: 0,
        };
        prop_assert_eq!(scope.covers(&record), compartment.is_within(&scope));
    }
}
