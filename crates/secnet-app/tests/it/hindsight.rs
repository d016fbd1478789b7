//! What an owner is shown of the past, and of what a grant would have made of it.

use std::collections::BTreeSet;

use secnet_app::ports::{EntryKind, EntryName};
use secnet_app::*;
use secnet_types::*;

use crate::world::{HOUR, Person, World, released, terms_of};

async fn attempt(world: &mut World, purpose: Purpose) -> Outcome {
    let bo = World::copy(&world.bo);
    let (call, _) = world.call(&bo, purpose, None);
    world.pdc.access(&call).await.unwrap()
}

/// Ada hands the dataset over to Eve.
async fn transfer_to_eve(world: &mut World) -> Person {
    let (ada, eve) = (World::copy(&world.ada), World::copy(&world.eve));
    let dataset = world.dataset;
    world.submit(&ada, Operation::OfferDataset { dataset, to: Some(eve.id) }).await;
    let (terms, detail) = terms_of(&mut world.rng, &world.clock);
    let listed = DatasetManifest::of(world.salt(), &[]);
    let (pdc, manifest) = (world.node.id, listed.commitment());
    let accept = Operation::AcceptDataset { dataset, pdc, terms, manifest };
    let command = world.sign(&eve, accept);
    let stated = Stated { terms: detail, manifest: Some(listed), hosting: Vec::new() };
    world.pdc.take_in(Vec::new(), &stated, &command).await.unwrap();
    eve
}

#[tokio::test]
async fn each_owner_sees_what_was_tried_in_her_own_time() {
    let mut world = World::new(90).await;
    world.granted(None, 0).await;
    released(attempt(&mut world, Purpose::Treatment).await);
    attempt(&mut world, Purpose::Research).await;
    let eve = transfer_to_eve(&mut world).await;
    attempt(&mut world, Purpose::Treatment).await;
    let ada = world.pdc.history(world.ada.id).await.unwrap();
    assert_eq!(ada.len(), 2);
    let later = world.pdc.history(eve.id).await.unwrap();
    assert_eq!(later.len(), 1);
    assert!(later[0].event > ada[1].event);
}

#[tokio::test]
async fn history_comes_page_by_page_without_gap_or_repetition() {
    let mut world = World::new(91).await;
    for _ in 0..7 {
        attempt(&mut world, Purpose::Research).await;
    }
    let owner = world.ada.id;
    let all: Vec<u64> =
        world.pdc.history(owner).await.unwrap().iter().map(|attempt| attempt.event).collect();
    assert_eq!(all.len(), 7);
    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let page = world.pdc.history_page(owner, before, 3).await.unwrap();
        assert!(page.attempts.len() <= 3);
        let mut events: Vec<u64> = page.attempts.iter().map(|attempt| attempt.event).collect();
        events.extend(seen);
        seen = events;
        before = page.before;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(seen, all);
}

#[tokio::test]
async fn p8_what_if_answers_the_owner_and_whom_she_lets_grant_and_nobody_else() {
    let mut world = World::new(92).await;
    let detail = world.detail(None);
    let (grant, _) = world.grant(&detail, 0);
    let (ada, eve) = (World::copy(&world.ada), World::copy(&world.eve));
    let refused = world.pdc.what_if(eve.id, &grant, &detail).await;
    assert!(matches!(refused, Err(AccessError::Unknown(_))), "{refused:?}");
    let now = world.clock_now();
    let delegation = Delegation {
        delegate: eve.id,
        powers: Powers::default().with(Power::Grant),
        dataset: None,
        window: Window { from: now, until: now.plus_ms(HOUR) },
    };
    world.submit(&ada, Operation::Delegate { delegation }).await;
    assert_eq!(world.pdc.what_if(eve.id, &grant, &detail).await.unwrap().records, 2);
}

#[tokio::test]
async fn what_if_minds_price_count_and_denials() {
    let mut world = World::new(93).await;
    // Bo must know of the dataset, or what he tries is a stranger's.
    world.granted(None, 0).await;
    for _ in 0..3 {
        attempt(&mut world, Purpose::Research).await;
    }
    let mut detail = world.detail(None);
    detail.purposes = BTreeSet::from([Purpose::Research]);
    let (grant, _) = world.grant(&detail, 0);
    let ada = World::copy(&world.ada);
    let what_if = |grant: Grant| {
        let (pdc, detail) = (std::sync::Arc::clone(&world.pdc), detail.clone());
        async move { pdc.what_if(ada.id, &grant, &detail).await.unwrap() }
    };
    let free = what_if(Grant { uses: None, ..grant.clone() }).await;
    assert_eq!((free.would_allow.len(), free.unchanged, free.records), (3, 0, 2));
    let once = what_if(Grant { uses: Some(1), ..grant.clone() }).await;
    assert_eq!((once.would_allow.len(), once.unchanged), (1, 2));
    // Bo would not have paid that.
    let dear = what_if(Grant { price: Amount(6_000_000), uses: None, ..grant.clone() }).await;
    assert!(dear.would_allow.is_empty());

    let now = world.clock_now();
    let denial = Denial {
        dataset: Some(world.dataset),
        party: Party::Member(world.bo.id),
        window: Window { from: now, until: now.plus_ms(HOUR) },
        even_in_emergency: true,
        detail: None,
    };
    world.submit(&world.ada, Operation::Deny { denial }).await;
    let denied = what_if(Grant { uses: None, ..grant }).await;
    assert_eq!((denied.would_allow.len(), denied.records), (0, 0));
}

#[tokio::test]
async fn an_erasure_of_all_takes_every_salt_along() {
    let mut world = World::new(94).await;
    world.granted(None, 0).await;
    let (ada, bo) = (World::copy(&world.ada), World::copy(&world.bo));
    let wish = world.detail(None);
    let now = world.clock_now();
    let ask = Ask {
        dataset: world.dataset,
        grantee: Party::Member(bo.id),
        price: Amount(1),
        uses: None,
        window: Window { from: now, until: now.plus_ms(HOUR) },
        deadline: now.plus_ms(HOUR),
        detail: wish.commitment(),
    };
    let command = world.sign(&bo, Operation::OpenAsk { ask });
    let enclosures = Enclosures { detail: Some(wish.clone()), wraps: None };
    world.pdc.order(&command, enclosures).await.unwrap();
    let named = world.pdc.view(|view| {
        let dataset = view.state.dataset(world.dataset).unwrap();
        let (_, grant) = view.state.grants_on(world.dataset).next().unwrap();
        [
            (EntryKind::TermsDetail, dataset.terms.detail),
            (EntryKind::ConsentDetail, grant.grant.detail),
            (EntryKind::Wraps, grant.grant.wraps),
            (EntryKind::AskDetail, wish.commitment()),
            (EntryKind::DatasetManifest, dataset.manifest),
        ]
    });
    let names = named.unwrap().map(|(kind, digest)| {
        let of_dataset = kind == EntryKind::DatasetManifest;
        let group: &[u8] = if of_dataset { &world.dataset.0 } else { &[] };
        EntryName::new(kind, group, &digest.0)
    });
    for name in &names {
        assert!(world.pdc.archive.get(name).await.unwrap().is_some(), "{name:?}");
    }
    let plan = world.pdc.plan_shredding(world.dataset, None).await.unwrap();
    let command = world.sign(&ada, what_to_shred(&plan));
    world.pdc.shred(&plan, &command).await.unwrap();
    for name in &names {
        assert_eq!(world.pdc.archive.get(name).await.unwrap(), None, "{name:?}");
    }
}
