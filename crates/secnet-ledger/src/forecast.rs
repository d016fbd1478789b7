//! What a command would do, without doing it.

use secnet_types::{Effect, Timestamp};

use crate::operations::{Context, same_network};
use crate::{Rejection, State, Verified};

impl State {
    /// What the command would change if it were the only one in a block of this height and time. The state stays as it
    /// is: everything happens on a copy of it, so this is for questions of people, not for every request.
    ///
    /// # Errors
    /// The [`Rejection`] that the command would meet.
    pub fn forecast(
        &self,
        command: &Verified,
        height: u64,
        time: Timestamp,
    ) -> Result<Vec<Effect>, Rejection> {
        let value = &command.command.value;
        // As in a block: ids of a closed chain are remembered, but say nothing here.
        same_network(self, value.network)?;
        if let Some(before) = self.applied(value.author, value.id) {
            // Sent again it changes nothing.
            return if before.digest == command.digest {
                Ok(Vec::new())
            } else {
                Err(Rejection::IdReused)
            };
        }
        let mut copy = self.clone();
        // As in a block, what is overdue comes first; a failing sweep is taken back there, too.
        if copy.sweep(&mut Context::new(height, time, 0)).is_err() {
            copy.roll_back();
        }
        let mut context = Context::new(height, time, 0);
        copy.admit(command, time)?;
        copy.apply(command, &mut context)?;
        Ok(context.effects)
    }
}
