//! What is said before anything is done: previews, forecasts, who can see what. None of it leaves a trace.

use secnet_app::*;
use secnet_ledger::Rejection;
use secnet_types::*;

use crate::world::{World, released};

const ALL: Option<Labels> = Some(Labels::ALL);

fn trace(world: &World) -> (u64, u64, String) {
    world.pdc.view(|v| (v.height, v.log_size, format!("{:?}", v.state))).unwrap()
}

#[tokio::test]
async fn a_preview_says_what_the_request_then_gets_and_leaves_no_trace() {
    let mut world = World::new(21).await;
    let (grant, _) = world.granted(None, 2_000_000).await;
    let bo = World::copy(&world.bo);
    let (call, _) = world.call(&bo, Purpose::Treatment, None);
    let before = trace(&world);
    let Preview::Released { grant: by, price, records, fields: None } =
        world.pdc.preview(&call).await.unwrap()
    else {
        panic!("it would be released")
    };
    assert_eq!((by, price, records.len()), (grant, Amount(2_000_000), 2));
    assert_eq!(trace(&world), before);
    assert!(world.pdc.history(world.ada.id).await.unwrap().is_empty());
    let delivery = released(world.pdc.access(&call).await.unwrap());
    assert_eq!(delivery.records.len(), 2);
    // Once it is decided, a retry gets the same, whatever a new request would get.
    let Preview::Decided(Verdict::Allow { .. }) = world.pdc.preview(&call).await.unwrap() else {
        panic!("it is decided")
    };

    let (call, _) = world.call(&bo, Purpose::Research, None);
    let Preview::Denied(foreseen) = world.pdc.preview(&call).await.unwrap() else {
        panic!("the grant is for treatment")
    };
    let Outcome::Denied(refusal) = world.pdc.access(&call).await.unwrap() else { panic!() };
    assert_eq!((foreseen.class, foreseen.remedy), (refusal.class, refusal.remedy));
    assert!(foreseen.reasons.is_empty(), "the requester learns class and remedy only");
}

#[tokio::test]
async fn a_preview_knows_what_the_ledger_would_refuse() {
    let mut world = World::new(22).await;
    // More than Bo has.
    world.granted(None, 4_000_000).await;
    let bo = World::copy(&world.bo);
    let give = Operation::Transfer { to: world.ada.id, amount: Amount(49_000_000) };
    world.submit(&bo, give).await;
    let (call, _) = world.call(&bo, Purpose::Treatment, None);
    let Preview::Denied(foreseen) = world.pdc.preview(&call).await.unwrap() else {
        panic!("the money is gone")
    };
    assert_eq!(foreseen.class, ReasonClass::Funds);
    assert!(matches!(world.pdc.access(&call).await.unwrap(), Outcome::Denied(_)));
}

#[tokio::test]
async fn p8_a_preview_tells_a_stranger_the_same_of_what_exists_and_what_does_not() {
    let mut world = World::new(23).await;
    world.granted(None, 0).await;
    let eve = World::copy(&world.eve);
    for dataset in [world.dataset, DatasetId([9; 16])] {
        let (call, _) = world.call_for(&eve, dataset, Purpose::Treatment, None);
        assert_eq!(world.pdc.preview(&call).await.unwrap(), Preview::NotVisible);
        world.pdc.access(&call).await.unwrap();
        assert_eq!(world.pdc.preview(&call).await.unwrap(), Preview::NotVisible);
        let wish =
            Wish { requester: eve.id, dataset, purpose: Purpose::Treatment, action: Action::Read };
        assert_eq!(world.pdc.visible(wish, None, 10).await.unwrap(), None);
        let unknown = world.pdc.seers(eve.id, dataset, None).await.unwrap_err();
        assert_eq!(unknown, AccessError::Unknown(format!("dataset {dataset}")));
    }
}

#[tokio::test]
async fn a_forecast_is_what_the_order_then_meets() {
    let mut world = World::new(24).await;
    let ada = World::copy(&world.ada);
    let detail = world.detail(None);
    let (grant, wraps) = world.grant(&detail, 1);
    let command = world.sign(&ada, Operation::Grant { grant: grant.clone() });
    let enclosures = Enclosures { detail: Some(detail.clone()), wraps: Some(wraps) };
    let before = trace(&world);
    let effects = world.pdc.forecast(&command, &enclosures).unwrap();
    let made = Pdc::grant_made_by(&command).unwrap();
    assert_eq!(effects, [Effect::Granted { grant: made, dataset: world.dataset, by: ada.id }]);
    assert_eq!(trace(&world), before);
    // Without what it commits to it would not even be handed to the ledger.
    let bare = world.pdc.forecast(&command, &Enclosures::default());
    assert!(matches!(bare, Err(AccessError::Malformed(_))));
    // Whoever may not know of the dataset is not told that there is one; whoever does is told what is wrong.
    let bo = World::copy(&world.bo);
    let forged = world.sign(&bo, Operation::Grant { grant });
    let said = |world: &World| world.pdc.forecast(&forged, &enclosures);
    assert_eq!(said(&world), Err(AccessError::Rejected(Rejection::UnknownDataset)));
    world.granted(None, 0).await;
    assert_eq!(said(&world), Err(AccessError::Rejected(Rejection::NotEntitled)));
}

#[tokio::test]
async fn page_2_is_checked_like_page_1_and_nothing_hidden_is_counted() {
    let mut world = World::new(25).await;
    let (grant, _) = world.granted(None, 1).await;
    let (ada, bo) = (World::copy(&world.ada), World::copy(&world.bo));
    let wish = Wish {
        requester: bo.id,
        dataset: world.dataset,
        purpose: Purpose::Treatment,
        action: Action::Read,
    };
    let first = world.pdc.visible(wish, None, 1).await.unwrap().unwrap();
    assert_eq!(first.records[0].id, world.records[0]);
    let second = world.pdc.visible(wish, first.next, 1).await.unwrap().unwrap();
    assert_eq!(second.records[0].id, world.records[1]);
    // The third is about mental health: that there is one does not show in the cursor either.
    assert_eq!(second.next, None);
    let hidden = world.pdc.visible(wish, Some(world.records[2]), 1).await.unwrap().unwrap();
    assert_eq!((hidden.records.len(), hidden.next), (0, None));
    let research = Wish { purpose: Purpose::Research, ..wish };
    assert!(world.pdc.visible(research, None, 9).await.unwrap().unwrap().records.is_empty());

    world.submit(&ada, Operation::Revoke { grant, reason: Reason::NoLongerWanted }).await;
    let second = world.pdc.visible(wish, first.next, 1).await.unwrap().unwrap();
    assert!(second.records.is_empty(), "revoked between the pages");
}

#[tokio::test]
async fn the_owner_sees_who_can_see_what_by_which_grant() {
    let mut world = World::new(26).await;
    let (ordinary, _) = world.granted(None, 1).await;
    let (everything, detail) = world.granted(ALL, 1).await;
    let (ada, bo) = (World::copy(&world.ada), World::copy(&world.bo));
    let party = Party::Member(bo.id);
    let mut expected = vec![
        Seer { party, grant: ordinary, records: 2 },
        Seer { party, grant: everything, records: 3 },
    ];
    expected.sort_by_key(|seer| seer.grant);
    assert_eq!(world.pdc.seers(ada.id, world.dataset, None).await.unwrap(), expected);
    let labelled = world.pdc.seers(ada.id, world.dataset, Some(world.records[2])).await.unwrap();
    assert_eq!(labelled, [Seer { party, grant: everything, records: 1 }]);

    let hers = world.pdc.consents(ada.id, ada.id, false).await.unwrap();
    assert_eq!((hers.given.len(), hers.received.len()), (2, 0));
    assert!(hers.given.iter().any(|line| line.detail.as_ref() == Some(&detail)));
    let his = world.pdc.consents(bo.id, bo.id, false).await.unwrap();
    assert_eq!((his.given.len(), his.received.len()), (0, 2));
    assert!(world.pdc.consents(bo.id, ada.id, false).await.is_err(), "not his to read");

    let end = Operation::Revoke { grant: everything, reason: Reason::Misuse };
    world.submit(&ada, end).await;
    assert_eq!(world.pdc.consents(ada.id, ada.id, false).await.unwrap().given.len(), 1);
    assert_eq!(world.pdc.consents(ada.id, ada.id, true).await.unwrap().given.len(), 2);
    assert!(
        world.pdc.seers(ada.id, world.dataset, Some(world.records[2])).await.unwrap().is_empty()
    );
}
