//! P10 across restarts and batchings, and what a damaged snapshot is told.

use secnet_ledger::{Executor, LoadError, Prepared, TableId};
use secnet_types::*;

use crate::support::*;

/// A world with something in nearly every table.
fn busy() -> (World, DatasetId, GrantId) {
    let (mut w, dataset) = World::furnished();
    let grant = Grant { uses: Some(9), ..w.grant_of(dataset, "bo") };
    let grant = w.grant("ada", grant);
    w.ok("bo", Operation::FundGrant { grant, amount: Amount(5 * UNIT) });
    let group = GroupId::derive(id("cy"), w.ok("cy", Operation::CreateGroup));
    w.ok("cy", Operation::ChangeGroup { group, add: vec![id("bo")], remove: vec![] });
    let denial = w.denial_of(None, Party::Member(id("eve")));
    w.ok("ada", Operation::Deny { denial });
    let open = Operation::OpenAsk { ask: w.ask_of(dataset, "cy") };
    w.ok("cy", open);
    let window = Window { from: w.now(), until: w.at(HOUR) };
    for on in [None, Some(dataset)] {
        let delegation =
            Delegation { delegate: id("dan"), powers: Powers::ALL, dataset: on, window };
        w.ok("ada", Operation::Delegate { delegation });
    }
    let until = w.at(HOUR);
    let session = *key("session").verifying_key().as_bytes();
    w.ok(
        "bo",
        Operation::OpenSession { session: Session { key: session, until, limit: Amount(1) } },
    );
    let rule = RuleId([1; 32]);
    let listing = RuleListing { rule, price: Amount(0), evidence: digest(1), expires: w.at(DAY) };
    w.ok("cy", Operation::PublishRule { listing });
    w.ok("cy", Operation::InstallRule { rule, until, simulate: true });
    let emergency = Grant { emergency: true, price: Amount::ZERO, ..w.grant_of(dataset, "dan") };
    let emergency = w.grant("ada", emergency);
    let request = w.request("dan", dataset);
    let verdict = w.allow(emergency, 0);
    let decision = w.decide(Signed::sign(request, &key("dan")), verdict);
    w.ok("pdc", Operation::RecordDecision { decision });
    w.used("bo", dataset, grant);
    w.held("bo", dataset);
    (w, dataset, grant)
}

#[test]
fn a_prepared_block_is_seen_when_it_is_adopted_and_no_sooner() {
    let (w, dataset, grant) = busy();
    let (mut direct, mut prepared) = (w.executor.clone(), w.executor.clone());
    let seen = |executor: &Executor| {
        let state = executor.state();
        (format!("{state:?}"), executor.position(), state.consent_changed_at(dataset))
    };
    let before = seen(&prepared);
    let revoke = Operation::Revoke { grant, reason: Reason::Unstated };
    let mut next = w;
    let commands = verified(vec![signed("ada", next.command("ada", revoke))]);
    // A block and its cover, as a solo ledger makes them.
    let make = |executor: &mut Executor| {
        (executor.execute(next.at(1), &commands), executor.execute(next.at(1), &[]))
    };
    let made = make(&mut direct);
    let (same, first) = prepared.prepare(make);
    let (_, second) = prepared.prepare(make);
    assert_eq!((made.0.header, made.1.header), (same.0.header, same.1.header));
    assert_eq!(seen(&prepared), before, "nothing is seen, and caches of consent are not told");

    assert!(prepared.adopt(first));
    let (state, position, consent) = seen(&direct);
    assert_eq!(format!("{:?}", prepared.state()), state, "tables and indexes alike");
    assert_eq!(prepared.position(), position);
    let told = prepared.state().consent_changed_at(dataset);
    assert!(before.2 < consent && before.2 < told && told <= position.height);

    assert!(!prepared.adopt(second), "a block was made since it was prepared");
    assert_eq!(prepared.position(), position);
}

#[test]
fn blocks_that_were_prepared_one_on_the_other_are_what_they_are_when_made() {
    let (mut w, dataset, grant) = busy();
    let decision = w.allowed("bo", dataset, grant);
    let decide = verified(vec![signed("pdc", w.command("pdc", decision))]);
    let operation = Operation::Revoke { grant, reason: Reason::Unstated };
    let revoke = verified(vec![signed("ada", w.command("ada", operation))]);
    let (mut direct, mut tried) = (w.executor.clone(), w.executor.clone());
    let seen = |executor: &Executor| (format!("{:?}", executor.state()), executor.position());
    let before = seen(&tried);

    let blocks =
        [(w.at(1), decide.clone()), (w.at(2), revoke), (w.at(3), decide), (w.at(DAY), vec![])];
    let mut prepared: Vec<Prepared> = Vec::new();
    for (time, commands) in &blocks {
        let made = direct.execute(*time, commands);
        let mut below: Vec<&mut Prepared> = prepared.iter_mut().collect();
        let make = |executor: &mut Executor| executor.execute(*time, commands);
        let (same, next) = tried.prepare_on(&mut below, make).unwrap();
        assert_eq!((same.header, same.events), (made.header, made.events));
        assert_eq!((same.changes, same.outcomes), (made.changes, made.outcomes));
        assert_eq!(seen(&tried), before, "nothing is seen");
        prepared.push(next);
    }
    // One that is missing in between, or comes too early, is no way up.
    let [first, _, third, _] = &mut prepared[..] else { panic!("four were prepared") };
    assert!(tried.prepare_on(&mut [&mut *first, third], |_| ()).is_none());
    assert_eq!(seen(&tried), before);
    for next in prepared {
        assert!(tried.adopt(next));
    }
    assert_eq!(seen(&tried), seen(&direct));
}

#[test]
fn p10_a_loaded_state_goes_on_as_the_running_one() {
    let (mut w, dataset, grant) = busy();
    let mut seen: Vec<u8> = entries(&w.executor).iter().map(|(table, _, _)| *table).collect();
    seen.dedup();
    assert_eq!(
        seen,
        TableId::ALL
            .iter()
            .filter(|table| **table != TableId::epochs)
            .map(|table| *table as u8)
            .collect::<Vec<_>>(),
        "every table of a solo chain is in use"
    );
    let mut loaded = w.reloaded();
    assert_eq!(format!("{:?}", loaded.state()), format!("{:?}", w.executor.state()));
    for _ in 0..3 {
        let operation = w.allowed("bo", dataset, grant);
        let command = w.command("pdc", operation);
        let bytes = signed("pdc", command);
        let block = w.block(vec![bytes.clone()]);
        let same = loaded.execute(w.now(), &verified(vec![bytes]));
        assert_eq!(
            (same.header, same.events, same.changes),
            (block.header, block.events, block.changes)
        );
        w.time += HOUR;
    }
    w.time += 40 * DAY;
    let block = w.wait(1);
    assert_eq!(loaded.execute(w.now(), &[]).events, block.events);
    assert_eq!(loaded.position(), w.executor.position());
    assert_eq!(format!("{:?}", loaded.state()), format!("{:?}", w.executor.state()));
}

/// What goes out as changed entries, put together from the genesis on, is the state.
#[test]
fn changes_add_up_to_the_entries() {
    let (mut w, ..) = busy();
    for ms in [1, HOUR, DAY, 40 * DAY] {
        w.wait(ms);
        let stored: Vec<_> = w.stored.clone().into_iter().map(|((t, k), v)| (t, k, v)).collect();
        assert_eq!(entries(&w.executor), stored);
    }
}

#[test]
fn p10_one_block_or_many_come_to_the_same() {
    let (mut w, dataset) = World::furnished();
    let mut commands = Vec::new();
    let mut add = |w: &mut World, who: &str, operation| {
        let command = w.command(who, operation);
        let id = command.id;
        commands.push(signed(who, command));
        id
    };
    let grant = Grant { uses: Some(2), ..w.grant_of(dataset, "bo") };
    let grant = GrantId::derive(id("ada"), add(&mut w, "ada", Operation::Grant { grant }));
    add(&mut w, "bo", Operation::FundGrant { grant, amount: Amount(UNIT) });
    add(&mut w, "cy", Operation::Transfer { to: id("dan"), amount: Amount(3) });
    let denial = w.denial_of(None, Party::Member(id("eve")));
    add(&mut w, "ada", Operation::Deny { denial });
    for _ in 0..3 {
        let operation = w.allowed("bo", dataset, grant);
        add(&mut w, "pdc", operation);
    }
    let time = w.at(1);
    let mut one = w.executor.clone();
    let mut many = w.executor.clone();
    let whole = one.execute(time, &verified(commands.clone()));
    let singly: Vec<_> = commands
        .into_iter()
        .map(|bytes| many.execute(time, &verified(vec![bytes])).outcomes.remove(0))
        .collect();
    assert_eq!(whole.outcomes, singly);
    // A decision keeps the height of its block; everything else is equal.
    let apart_from_decisions = |executor: &Executor| {
        let mut entries = entries(executor);
        entries.retain(|(table, _, _)| *table != TableId::decisions as u8);
        entries
    };
    assert_eq!(apart_from_decisions(&one), apart_from_decisions(&many));
    let decisions = |executor: &Executor| -> Vec<_> {
        let with_height = |s: &secnet_ledger::DecisionState| secnet_ledger::DecisionState {
            event: 0,
            lifted: false,
            ..s.clone()
        };
        executor.state().held_charges().map(|(key, s)| (key, with_height(s))).collect()
    };
    assert_eq!(decisions(&one), decisions(&many));
    assert_eq!(decisions(&one).len(), 2);
}

#[test]
fn a_damaged_snapshot_is_refused() {
    let (w, ..) = busy();
    let sound = entries(&w.executor);
    let position = w.executor.position();
    let load = |entries: Vec<(u8, Vec<u8>, Vec<u8>)>| load_executor(&position, entries).map(drop);
    assert_eq!(load(sound.clone()), Ok(()));
    for n in 0..sound.len() {
        let mut missing = sound.clone();
        missing.remove(n);
        assert_eq!(load(missing), Err(LoadError::Digest));
        let mut flipped = sound.clone();
        if let Some(byte) = flipped[n].2.last_mut() {
            *byte ^= 1;
            assert!(load(flipped).is_err());
        }
        let mut cut = sound.clone();
        cut[n].2.pop();
        assert!(matches!(load(cut), Err(LoadError::Entry { .. })));
        let mut twice = sound.clone();
        twice.push(sound[n].clone());
        assert!(matches!(load(twice), Err(LoadError::Entry { .. })), "one key, two entries");
        let mut moved = sound.clone();
        moved[n].0 = (moved[n].0 + 1) % 19;
        assert!(load(moved).is_err());
    }
    let mut unknown = sound.clone();
    unknown.push((200, vec![], vec![]));
    assert!(matches!(load(unknown), Err(LoadError::Entry { .. })));
    let mut log = position.clone();
    log.log_peaks.push(Digest::ZERO);
    assert_eq!(load_executor(&log, sound.clone()).map(drop), Err(LoadError::Log));
    let mut other = position.clone();
    other.state = Digest::ZERO;
    assert_eq!(load_executor(&other, sound).map(drop), Err(LoadError::Digest));
}
