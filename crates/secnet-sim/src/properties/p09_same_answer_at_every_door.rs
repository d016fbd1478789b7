//! P9: the same question gets the same answer at every door.
//!
//! All doors hand the same signed bytes to one function. What is checked here is that nothing behind it decides by the name of
//! the door; that HTTP and AuthZEN translate alike is checked in `secnet-gateway/tests/it/doors.rs`.

use secnet_app::Door;
use secnet_types::{Purpose, Scope};

use super::Violation;
use crate::cast::ASKERS;
use crate::job::{Done, Wish};
use crate::world::World;

const NAME: &str = "P9, same question, same answer at every door";

pub(crate) fn check(world: &mut World) -> Result<(), Violation> {
    let active = world.active();
    let (Some((dataset, _)), Some(asker)) =
        (world.chance.pick(&active), world.chance.pick(&ASKERS))
    else {
        return Ok(());
    };
    let key = world.cast.people.get(asker).map(|actor| std::sync::Arc::clone(&actor.key));
    let key = key.ok_or_else(|| Violation::setup("no such actor"))?;
    let asking = world.call(asker, &key, dataset, Purpose::Treatment, Scope::default());
    let mut asking = asking.ok_or_else(|| Violation::setup("no call"))?;
    asking.settles = false;
    let mut wish = Wish::Access(Box::new(asking));
    let mut answers = Vec::new();
    for door in [Door::Cli, Door::InProcess] {
        if let Wish::Access(asking) = &mut wish {
            asking.call.door = door;
        }
        let process = world.fork()?;
        let done = crate::gate::run_alone(&process.gate, wish.attempt(&process));
        answers.push(essence(&done));
    }
    match answers.as_slice() {
        [first, second] if first != second => {
            Err(Violation::of(NAME, format!("one door says {first}, the other {second}")))
        }
        _ => Ok(()),
    }
}

/// The answer without its randomness.
fn essence(done: &Done) -> String {
    match done {
        Done::Released(released) => format!("released {:?}", released.records),
        Done::Held(..) => "held".into(),
        Done::Denied(class, _) => format!("denied {}", class.as_str()),
        other => format!("{other:?}"),
    }
}
