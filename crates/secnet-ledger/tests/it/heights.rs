//! Compiled consent is kept until the consent changes: every change of it must be seen, and a use is none.

use secnet_types::*;

use crate::support::*;

/// What changes the consent on the dataset, and what does not; each with who does it.
struct Changes {
    changing: Vec<(&'static str, Operation)>,
    other: Vec<(&'static str, Operation)>,
}

fn changes(w: &mut World, dataset: DatasetId, elsewhere: DatasetId, grant: GrantId) -> Changes {
    let denial = w.denial_of(Some(dataset), Party::Member(id("cy")));
    let on_all = Denial { dataset: None, ..denial.clone() };
    let on_other = Denial { dataset: Some(elsewhere), ..denial.clone() };
    let lifted =
        DenialId::derive(id("ada"), w.ok("ada", Operation::Deny { denial: on_all.clone() }));
    let terms = w.terms(2 * UNIT);
    let update = |dataset| Operation::UpdateDataset {
        dataset,
        pdc: id("pdc"),
        terms: terms.clone(),
        manifest: digest(2),
    };
    let open = |w: &mut World| {
        let ask = w.ask_of(dataset, "bo");
        let key = AskId::derive(id("bo"), w.ok("bo", Operation::OpenAsk { ask: ask.clone() }));
        (key, ask)
    };
    let (approved, wish) = open(w);
    let (refused, _) = open(w);
    let by_ask = Grant { window: wish.window, uses: wish.uses, ..w.grant_of(dataset, "bo") };
    let answer = |ask, answer| Operation::AnswerAsk { ask, answer };
    let erase = |whole| Operation::RecordErasure {
        dataset,
        erased: vec![digest(1)],
        last_backup_dies: Timestamp(START),
        whole,
    };
    let revoked = w.granted(dataset, "bo");
    let use_it = w.allowed("bo", dataset, grant);
    let group = GroupId::derive(id("bo"), w.ok("bo", Operation::CreateGroup));
    let join = Operation::ChangeGroup { group, add: vec![id("cy")], remove: vec![] };
    let elsewhere_grant = w.grant_of(elsewhere, "bo");
    Changes {
        changing: vec![
            ("ada", Operation::Grant { grant: w.grant_of(dataset, "bo") }),
            ("ada", answer(approved, Answer::Approve(by_ask))),
            ("bo", Operation::Revoke { grant: revoked, reason: Reason::Unstated }),
            ("ada", Operation::Deny { denial }),
            ("ada", Operation::Deny { denial: on_all }),
            ("ada", Operation::LiftDenial { denial: lifted }),
            ("ada", update(dataset)),
            ("ada", Operation::OfferDataset { dataset, to: Some(id("cy")) }),
            (
                "cy",
                Operation::AcceptDataset {
                    dataset,
                    pdc: id("pdc"),
                    terms: terms.clone(),
                    manifest: digest(3),
                },
            ),
            ("cy", erase(true)),
        ],
        other: vec![
            ("pdc", use_it),
            ("bo", Operation::FundGrant { grant, amount: Amount(UNIT) }),
            ("ada", answer(refused, Answer::Refuse(Reason::Scope))),
            ("ada", erase(false)),
            ("bo", join),
            ("dan", Operation::Grant { grant: elsewhere_grant }),
            ("dan", Operation::Deny { denial: on_other }),
            ("bo", Operation::Transfer { to: id("cy"), amount: Amount(1) }),
        ],
    }
}

#[test]
fn every_change_of_consent_is_seen_at_its_height_and_nothing_else_is() {
    let (mut w, dataset) = World::furnished();
    let elsewhere = w.dataset("dan");
    let grant = Grant { uses: Some(5), ..w.grant_of(dataset, "bo") };
    let grant = w.grant("ada", grant);
    let Changes { changing, other } = changes(&mut w, dataset, elsewhere, grant);
    let changed = |w: &World, dataset| w.executor.state().consent_changed_at(dataset);
    for (who, operation) in other {
        let before = changed(&w, dataset);
        w.ok(who, operation.clone());
        assert_eq!(changed(&w, dataset), before, "{operation:?}");
    }
    let untouched = changed(&w, elsewhere);
    for (who, operation) in changing {
        w.ok(who, operation.clone());
        assert_eq!(changed(&w, dataset), w.executor.height(), "{operation:?}");
    }
    assert_eq!(changed(&w, elsewhere), untouched);
}

#[test]
fn a_withdrawal_and_what_time_ends_are_changes() {
    let (mut w, dataset) = World::furnished();
    let grant =
        Grant { window: Window { from: w.now(), until: w.at(HOUR) }, ..w.grant_of(dataset, "bo") };
    w.grant("ada", grant);
    let mut denial = w.denial_of(Some(dataset), Party::Member(id("cy")));
    denial.window.until = w.at(2 * HOUR);
    w.ok("ada", Operation::Deny { denial });
    for _ in ["the grant ends", "the denial ends"] {
        w.wait(HOUR);
        assert_eq!(w.executor.state().consent_changed_at(dataset), w.executor.height());
        w.wait(1);
        assert!(w.executor.state().consent_changed_at(dataset) < w.executor.height());
    }
    w.ok("ada", Operation::WithdrawDataset { dataset });
    assert_eq!(w.executor.state().consent_changed_at(dataset), w.executor.height());
}

/// After a restart nobody knows what was compiled before.
#[test]
fn everything_counts_as_changed_when_the_state_was_loaded() {
    let (mut w, dataset) = World::furnished();
    w.granted(dataset, "bo");
    w.wait(1);
    let height = w.executor.height();
    assert!(w.executor.state().consent_changed_at(dataset) < height);
    assert_eq!(w.reloaded().state().consent_changed_at(dataset), height);
}
