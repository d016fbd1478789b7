//! What the ledger would say of a command, without ordering it.

use secnet_ledger::VerifyingPool;
use secnet_types::{Effect, SignedCommand};

use crate::pdc::Pdc;
use crate::ports::SubmitError;
use crate::{AccessError, Enclosures};

impl Pdc {
    /// What the command would change if it were ordered now. Nothing is ordered or kept.
    ///
    /// # Errors
    /// What [`Pdc::order`] would answer instead of doing it.
    pub fn forecast(
        &self,
        command: &SignedCommand,
        enclosures: &Enclosures,
    ) -> Result<Vec<Effect>, AccessError> {
        enclosures.belong_to(command)?;
        self.forecast_command(command)
    }

    pub(crate) fn forecast_command(
        &self,
        command: &SignedCommand,
    ) -> Result<Vec<Effect>, AccessError> {
        let checked = VerifyingPool::verify(vec![command.to_bytes()], &mut self.rng()).pop();
        let verified = match checked {
            Some(Ok(verified)) => verified,
            Some(Err(error)) => return Err(SubmitError::Invalid(error.to_string()).into()),
            None => return Err(SubmitError::Invalid("there is no command".into()).into()),
        };
        Ok(self.log.forecast(&verified, self.clock.now())?)
    }
}
