//! What a command would do, without doing it.

use secnet_types::{Effect, Timestamp};

use crate::operations::{Context, same_network};
use crate::{Executor, Rejection, State, Verified};

impl Executor {
    /// What the command would change if it were the only one in the next block, at this time. It is tried and taken back,
    /// which costs no more than a refused command. What is overdue counts as still to be done: the ledger does that by
    /// itself, at the start of its next block.
    ///
    /// # Errors
    /// The [`Rejection`] that the command would meet.
    pub fn forecast(
        &mut self,
        command: &Verified,
        time: Timestamp,
    ) -> Result<Vec<Effect>, Rejection> {
        let (height, time) = (self.height().saturating_add(1), time.max(self.time()));
        let value = &command.command.value;
        let state = self.state_to_try();
        // As in a block: ids of a closed chain are remembered, but say nothing here.
        same_network(state, value.network)?;
        if let Some(before) = state.applied(value.author, value.id) {
            // Sent again it changes nothing.
            return if before.digest == command.digest {
                Ok(Vec::new())
            } else {
                Err(Rejection::IdReused)
            };
        }
        let trial = Trial(state);
        let mut context = Context::new(height, time, 0);
        trial.0.admit(command, time)?;
        trial.0.apply(command, &mut context)?;
        Ok(context.effects)
    }
}

/// Whatever happens to it, the state is as it was.
struct Trial<'a>(&'a mut State);

impl Drop for Trial<'_> {
    fn drop(&mut self) {
        self.0.roll_back();
    }
}
