//! Every reason for a refusal is met: the cases are run, and what they were refused for is written down.

use std::collections::BTreeSet;

use secnet_ledger::Rejection;

use crate::support::refusals;
use crate::*;

/// The tests that together meet them all.
const CASES: &[fn()] = &[
    admission::forged_signatures_never_become_verified_commands,
    admission::forged_inner_signatures_never_become_verified_commands,
    admission::network_time_author_and_key_are_judged_first,
    admission::after_a_rotation_only_the_new_key_signs,
    admission::a_rotation_ends_the_sessions_that_the_old_key_opened,
    admission::a_member_has_so_many_sessions_open_at_most,
    admission::organisations_vouch_and_disown,
    admission::nobody_vouches_for_a_card_that_does_not_name_it,
    admission::reinstated_staff_does_not_regain_the_organisation_that_disowned_it,
    admission::a_key_of_small_order_is_refused,
    admission::groups_are_changed_by_their_admin_within_limits,
    admission::a_group_has_a_size_limit,
    admission::sessions_sign_requests_until_they_end_or_are_spent,
    admission::the_suspended_neither_sign_nor_are_granted_nor_use_grants,
    consent::terms_must_hold_together,
    consent::a_dataset_is_its_owners,
    moving::a_dataset_moves_by_its_owner_and_the_data_centre_that_has_it,
    consent::a_transfer_of_ownership_ends_every_grant,
    consent::a_grant_is_good_in_the_tenure_that_it_names_alone,
    consent::asks_and_holds_lapse_when_a_dataset_changes_hands_or_is_gone,
    consent::so_many_asks_and_holds_wait_for_an_owner_at_most,
    consent::erasure_is_stated_once_for_the_whole,
    consent::windows_parties_and_counts_of_a_grant,
    consent::a_grant_at_another_price_than_asked_is_refused,
    consent::a_counter_offer_names_its_price_and_is_accepted_before_it_is_granted,
    consent::nobody_is_bound_to_a_counter_offer_it_has_not_seen,
    consent::an_offer_is_gone_once_the_ask_is_refused,
    consent::asks_are_for_oneself_and_have_deadlines,
    consent::either_side_ends_a_grant_and_nobody_else,
    consent::money_does_not_buy_a_say_in_somebody_elses_grant,
    consent::hospital_1_is_not_hospital_10,
    consent::a_denial_beats_every_ordinary_grant,
    consent::a_denial_is_the_owners_and_sound,
    consent::a_delegate_does_what_it_may_where_and_while_it_may,
    consent::p3_a_delegate_for_prices_changes_the_price_alone,
    decisions::an_allow_is_judged_by_the_ledger_itself,
    decisions::facts_are_of_the_past,
    decisions::a_request_is_decided_once,
    decisions::a_count_is_never_exceeded,
    decisions::only_the_owner_lifts_a_hold_and_then_it_is_decided_anew,
    decisions::a_decision_id_is_not_given_twice_while_the_first_lives,
    decisions::an_emergency_grant_is_free_and_its_use_is_reviewed_by_another,
    decisions::denials_are_recorded_and_summarised,
    decisions::what_was_charged_is_paid_or_given_back_exactly_once,
    decisions::a_later_change_does_not_redirect_an_earlier_sale,
    decisions::p4_what_ends_a_consent_before_the_hand_over_stops_the_payout,
    decisions::a_collection_statement_whose_event_would_be_too_long_is_refused,
    governance::a_proposal_takes_a_quorum_and_effect_once,
    governance::governors_change_only_to_governors_that_fit,
    governance::governors_admit_organisations_and_nodes,
    governance::a_network_has_other_nodes_some_blocks_after_its_governors_said_so,
    governance::fees_follow_the_parameters_and_are_paid_out,
    governance::nothing_is_applied_after_the_end,
    governance::rules_are_offered_bought_and_installed,
    idempotency::a_repeated_command_gets_its_first_outcome,
    idempotency::a_refused_command_does_not_use_up_its_id,
    idempotency::a_forger_cannot_use_up_somebodys_id,
    money::accounts_neither_overflow_nor_go_below_zero,
    money::escrow_pays_first_and_comes_back_when_the_grant_ends,
    money::a_dead_grant_that_has_not_begun_takes_no_money,
    money::who_cannot_pay_does_not_read,
    money::a_refund_gives_the_counted_use_back_once,
];

#[test]
fn every_rejection_is_met_by_a_case() {
    for case in CASES {
        case();
    }
    let met = refusals();
    let all: BTreeSet<&str> = Rejection::ALL.iter().map(|(_, code)| *code).collect();
    let missing: Vec<_> = all.difference(&met).collect();
    assert!(missing.is_empty(), "no case is refused with {missing:?}");
    assert_eq!(met.difference(&all).count(), 0, "the list is complete");
}

/// Programs in other languages read numbers and codes from the specification.
#[test]
fn the_specification_lists_every_rejection() {
    let spec = include_str!("../../../../docs/spec/commands.md");
    let row = |line: &str| {
        let mut cells = line.split('|').map(str::trim).skip(1);
        let number = cells.next()?.parse().ok()?;
        Some((number, cells.next()?.trim_matches('`').to_owned()))
    };
    let listed: Vec<(u16, String)> = spec
        .split("## 5. Rejections")
        .nth(1)
        .and_then(|rest| rest.split("## 6.").next())
        .unwrap()
        .lines()
        .filter_map(row)
        .collect();
    let all: Vec<(u16, String)> =
        Rejection::ALL.iter().map(|(number, code)| (*number, (*code).to_owned())).collect();
    assert_eq!(listed, all);
}
