//! Enforcement is shown before a node serves, and a node without it does not.

use secnet_app::*;
use secnet_lock::*;
use secnet_types::*;

use crate::world::World;

fn datasets_of_the_node(world: &World) -> Vec<DatasetId> {
    world.pdc.view(|view| view.state.datasets_of(world.node.id).collect()).unwrap()
}

#[tokio::test]
async fn what_must_be_refused_is_refused_and_each_start_leaves_one_denial() {
    let mut world = World::new(401).await;
    world.pdc.canary().await.unwrap();
    let registered = datasets_of_the_node(&world);
    assert_eq!(registered.len(), 1);
    let size = world.pdc.view(|view| view.log_size).unwrap();
    world.restart().await;
    world.pdc.canary().await.unwrap();
    assert_eq!(datasets_of_the_node(&world), registered, "made once");
    assert_eq!(world.pdc.view(|view| view.log_size).unwrap(), size + 1, "one event a start");
    let attempts = world.pdc.history(world.node.id).await.unwrap();
    assert_eq!(attempts.len(), 2);
}

#[tokio::test]
async fn a_node_that_would_release_it_is_told_not_to_serve() {
    let mut world = World::new(402).await;
    world.pdc.canary().await.unwrap();
    let dataset = datasets_of_the_node(&world)[0];
    // Consent where there must be none: as if nobody asked for it.
    let detail = GrantDetail {
        purposes: [Purpose::Treatment].into(),
        actions: [Action::Read].into(),
        scope: Scope::default(),
        salt: world.salt(),
    };
    let binding = GrantBinding { dataset, detail: detail.commitment() };
    let covered = compartments_for(&detail.scope, world.keys.compartments());
    let (keys, own) = (&world.keys, &world.node.sealing.public);
    let wraps = wrap_for_grantee(binding, &covered, keys, own, &mut world.rng).unwrap();
    let now = world.clock_now();
    let grant = Grant {
        dataset,
        grantee: Party::Member(world.node.id),
        window: Window { from: now, until: now.plus_ms(crate::world::HOUR) },
        uses: None,
        price: Amount::ZERO,
        emergency: false,
        detail: detail.commitment(),
        wraps: wraps.digest(),
        tenure: 0,
    };
    let command = world.sign(&world.node, Operation::Grant { grant });
    let enclosures = Enclosures { detail: Some(detail), wraps: Some(wraps) };
    world.pdc.order(&command, enclosures).await.unwrap();
    let error = world.pdc.canary().await.unwrap_err();
    assert!(matches!(error, CanaryError::NotDenied("released")), "{error:?}");
}

#[tokio::test]
async fn a_node_whose_ledger_cannot_write_does_not_serve() {
    let world = World::new(403).await;
    world.log.fail(|_| true);
    let error = world.pdc.canary().await.unwrap_err();
    assert!(matches!(error, CanaryError::Undecided(_)), "{error:?}");
}
