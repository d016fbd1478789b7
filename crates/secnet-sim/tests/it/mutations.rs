//! A property that cannot fail shows nothing: each deliberate mistake is found, under the right name.

use secnet_sim::{Broken, Settings, run};

const SEEDS: u64 = 200;

/// A mistake may break several promises; among them must be the one it is about.
fn finds(broken: Broken, promise: &str) {
    let settings = Settings { broken: Some(broken), ..Settings::default() };
    let mut others = std::collections::BTreeMap::<&str, usize>::new();
    for seed in 0..SEEDS {
        let Err(failure) = run(seed..seed + 1, &settings) else { continue };
        if failure.violation.promise == promise {
            // And it is found again, by the number of its seed alone.
            let again = run(seed..seed + 1, &settings).expect_err("a failing seed fails again");
            assert_eq!(again.to_string(), failure.to_string());
            return;
        }
        *others.entry(failure.violation.promise).or_default() += 1;
    }
    panic!("the mistake was not found as {promise}, but as {others:?}");
}

#[test]
fn p1_a_ledger_that_acknowledges_before_it_is_durable_is_found() {
    finds(Broken::LyingDisk, "P1, no receipt, no data");
}

#[test]
fn p1_a_refusal_that_is_not_counted_is_found() {
    finds(Broken::SilentSummary, "P1, no receipt, no data");
}

#[test]
fn p2_a_grant_that_is_wider_than_the_owner_said_is_found() {
    finds(Broken::WideGrant, "P2, the guard can only say no");
}

#[test]
fn p3_an_attacker_with_the_owners_keys_is_found() {
    finds(Broken::StolenKeys, "P3, only the owner's key");
}

#[test]
fn p3_a_delegate_that_outlasts_its_delegation_is_found() {
    finds(Broken::LastingDelegation, "P3, only the owner's key");
}

#[test]
fn p4_a_hand_over_without_the_ledgers_word_is_found() {
    finds(Broken::DeafPayout, "P4, revocation wins");
}

#[test]
fn p4_a_release_without_a_fresh_view_is_found() {
    finds(Broken::StaleView, "P4, revocation wins");
}

#[test]
fn p4_a_release_on_an_old_view_is_found() {
    finds(Broken::AgelessView, "P4, revocation wins");
}

#[test]
fn p5_statements_that_do_not_add_up_are_found() {
    finds(Broken::LostEvents, "P5, money is conserved");
}

#[test]
fn p6_a_name_on_the_ledger_is_found() {
    finds(Broken::NameOnLedger, "P6, no personal data on the ledger");
}

#[test]
fn p7_a_plain_copy_is_found() {
    finds(Broken::PlainCopies, "P7, storage learns nothing");
}

#[test]
fn p8_a_door_that_tells_strangers_what_exists_is_found() {
    finds(Broken::ChattyDoor, "P8, one answer for strangers");
}

#[test]
fn p9_a_door_with_a_will_of_its_own_is_found() {
    finds(Broken::WilfulDoor, "P9, same question, same answer at every door");
}

#[test]
fn p11_an_archive_that_forgets_what_it_acknowledged_is_found() {
    finds(Broken::ForgetfulArchive, "P11");
}

#[test]
fn p11_a_vault_that_forgets_what_it_acknowledged_is_found() {
    finds(Broken::ForgetfulVault, "P11");
}
