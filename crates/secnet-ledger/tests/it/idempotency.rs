//! The same command twice changes nothing; another command under its id is refused.

use secnet_ledger::Outcome;
use secnet_types::*;

use crate::support::*;

#[test]
pub(crate) fn a_repeated_command_gets_its_first_outcome() {
    let (mut w, _) = World::furnished();
    let transfer = Operation::Transfer { to: id("bo"), amount: Amount(UNIT) };
    let command = w.command("ada", transfer);
    let bytes = signed("ada", command.clone());
    let block = w.block(vec![bytes.clone(), bytes.clone()]);
    let Outcome::Applied { event } = block.outcomes[0] else { panic!("{:?}", block.outcomes) };
    assert_eq!(block.outcomes[1], Outcome::Repeated { event });
    assert_eq!(block.commands.len(), 1);
    assert_eq!(w.outcome(bytes.clone()), Outcome::Repeated { event });
    assert_eq!(w.balance("bo"), 1001 * UNIT);

    let other = Command { operation: Operation::CreateGroup, ..command.clone() };
    w.refuses(signed("ada", other), "id-reused");
    // Somebody else's command may have the same id.
    let theirs = Command { author: id("cy"), ..command };
    assert!(matches!(w.try_sign("cy", theirs), Outcome::Applied { .. }));

    // Remembered exactly as long as it could be applied again.
    w.wait(5 * MINUTE);
    w.refuses(bytes, "expired");
}

#[test]
pub(crate) fn a_refused_command_does_not_use_up_its_id() {
    let mut w = World::new();
    let transfer = Operation::Transfer { to: id("bo"), amount: Amount(1) };
    let command = w.command("ada", transfer);
    w.refuses(signed("ada", command.clone()), "insufficient-funds");
    w.govern(Change::Issue { to: id("ada"), amount: Amount(1) }).unwrap();
    assert!(matches!(w.try_sign("ada", command), Outcome::Applied { .. }));
}

#[test]
pub(crate) fn a_forger_cannot_use_up_somebodys_id() {
    let mut w = World::new();
    let command = w.command("ada", Operation::CreateGroup);
    w.refuses(signed("eve", command.clone()), "wrong-key");
    assert!(matches!(w.try_sign("ada", command), Outcome::Applied { .. }));
}
