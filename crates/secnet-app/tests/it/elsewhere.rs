//! A data centre that is asked about a dataset of another one: whoever may know of the dataset is told where it is, nobody else is told
//! anything, and nothing is decided or kept.

use secnet_app::ports::{EntryKind, EntryName};
use secnet_app::*;
use secnet_types::*;

use crate::world::{HOUR, World};

fn events(world: &World) -> u64 {
    world.pdc.view(|view| view.log_size).unwrap()
}

fn is_elsewhere<T: core::fmt::Debug>(answer: Result<T, AccessError>, world: &World) {
    match answer {
        Err(AccessError::Elsewhere(place)) => {
            assert_eq!((place.dataset, place.member), (world.dataset, world.node.id));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_request_is_sent_on_undecided_and_a_retry_too() {
    let mut world = World::new(1).await;
    world.granted(None, 0).await;
    let other = world.other_pdc().await;
    let (bo, eve) = (World::copy(&world.bo), World::copy(&world.eve));
    let (call, _) = world.call(&bo, Purpose::Treatment, None);
    let before = events(&world);
    is_elsewhere(other.access(&call).await, &world);
    is_elsewhere(other.preview_at_door(&call).await, &world);
    // A stranger's is a request for nothing.
    let (strange, _) = world.call(&eve, Purpose::Treatment, None);
    assert!(matches!(other.access(&strange).await, Ok(Outcome::NotVisible)));
    assert_eq!(other.preview_at_door(&strange).await, Ok(Preview::NotVisible));
    assert_eq!(events(&world), before);
    // What was recorded of a stranger where it is, is no more to be seen where it is not.
    assert!(matches!(world.pdc.access(&strange).await, Ok(Outcome::NotVisible)));
    assert!(events(&world) > before);
    assert!(matches!(other.access(&strange).await, Ok(Outcome::NotVisible)));
    assert_eq!(other.preview_at_door(&strange).await, Ok(Preview::NotVisible));
    // Decided where it is, it is as little answered where it is not.
    world.pdc.access(&call).await.unwrap();
    is_elsewhere(other.access(&call).await, &world);
    is_elsewhere(other.preview_at_door(&call).await, &world);
    let request = Signed::<AccessRequest>::parse(&call.request).unwrap().value.id;
    is_elsewhere(other.request_not_elsewhere(bo.id, request), &world);
    assert_eq!(other.request_not_elsewhere(eve.id, request), Ok(()));
    assert_eq!(world.pdc.request_not_elsewhere(bo.id, request), Ok(()), "it is here");
}

#[tokio::test]
async fn what_a_command_encloses_is_kept_where_the_dataset_is() {
    let mut world = World::new(2).await;
    let other = world.other_pdc().await;
    let ada = World::copy(&world.ada);
    let detail = world.detail(None);
    let (grant, wraps) = world.grant(&detail, 0);
    let command = world.sign(&ada, Operation::Grant { grant });
    let enclosures = Enclosures { detail: Some(detail.clone()), wraps: Some(wraps) };
    let before = events(&world);
    is_elsewhere(other.order(&command, enclosures.clone()).await, &world);
    assert_eq!(events(&world), before, "a grant whose detail nobody has would permit nothing");
    let kept = EntryName::new(EntryKind::ConsentDetail, &[], &detail.commitment().0);
    assert_eq!(other.archive.get(&kept).await, Ok(None));
    // The same command at the other door.
    assert!(!world.pdc.order(&command, enclosures).await.unwrap().repeated);
    // What encloses nothing is ordered by anybody's node.
    let grant = Pdc::grant_made_by(&command).unwrap();
    let revoke = world.sign(&ada, Operation::Revoke { grant, reason: Reason::Unstated });
    other.order(&revoke, Enclosures::default()).await.unwrap();
}

#[tokio::test]
async fn whoever_asks_for_what_it_did_not_know_of_is_told_where_it_is_once_the_owner_knows_who_asks()
 {
    let mut world = World::new(3).await;
    let other = world.other_pdc().await;
    let eve = World::copy(&world.eve);
    let detail = world.detail(None);
    let now = world.clock_now();
    let ask = |dataset| Ask {
        dataset,
        grantee: Party::Member(eve.id),
        price: Amount(1),
        uses: None,
        window: Window { from: now, until: now.plus_ms(200 * HOUR) },
        deadline: now.plus_ms(20 * HOUR),
        detail: detail.commitment(),
    };
    let enclosures = Enclosures { detail: Some(detail.clone()), wraps: None };
    let nothing = world.sign(&eve, Operation::OpenAsk { ask: ask(DatasetId([9; 16])) });
    let refused = other.order(&nothing, enclosures.clone()).await.unwrap_err();
    assert_eq!(refused.code(), "unknown-dataset");
    assert_eq!(other.where_is(eve.id, world.dataset), None);
    let command = world.sign(&eve, Operation::OpenAsk { ask: ask(world.dataset) });
    is_elsewhere(other.order(&command, enclosures.clone()).await, &world);
    assert!(other.where_is(eve.id, world.dataset).is_some());
    let kept = EntryName::new(EntryKind::AskDetail, &[], &detail.commitment().0);
    assert_eq!(other.archive.get(&kept).await, Ok(None));
    // The same ask at the other door: it is there already, and now its detail as well.
    assert!(world.pdc.order(&command, enclosures).await.unwrap().repeated);
    let asks = world.pdc.inbox(world.ada.id).await.unwrap().asks;
    assert!(asks.iter().any(|ask| ask.detail.as_ref() == Some(&detail)), "{asks:?}");
}

#[tokio::test]
async fn records_are_taken_in_by_the_data_centre_that_the_owner_names() {
    let mut world = World::new(4).await;
    let other = world.other_pdc().await;
    let ada = World::copy(&world.ada);
    let (terms, detail) = crate::world::terms_of(&mut world.rng, &world.clock);
    let listed = DatasetManifest::of([7; 32], &[]);
    let manifest = listed.commitment();
    let stated = Stated { terms: detail, manifest: Some(listed), hosting: Vec::new() };
    let pdc = world.node.id;
    let before = events(&world);
    let register = Operation::RegisterDataset { pdc, terms: terms.clone(), manifest };
    let register = world.sign(&ada, register);
    match other.take_in(Vec::new(), &stated, &register).await {
        Err(AccessError::Elsewhere(place)) => assert_eq!(place.member, pdc),
        other => panic!("{other:?}"),
    }
    let dataset = world.dataset;
    let update = world.sign(&ada, Operation::UpdateDataset { dataset, pdc, terms, manifest });
    is_elsewhere(other.take_in(Vec::new(), &stated, &update).await, &world);
    assert_eq!(events(&world), before);
}
