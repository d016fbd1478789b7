//! What the ledger would say of a command, without ordering it.

use secnet_ledger::VerifyingPool;
use secnet_types::{Effect, Operation, SignedCommand};

use crate::pdc::Pdc;
use crate::ports::SubmitError;
use crate::{AccessError, Enclosures};

impl Pdc {
    /// What the command would change if it were ordered now. Nothing is ordered or kept.
    ///
    /// # Errors
    /// What [`Pdc::order`] would answer instead of doing it; of an ask for a dataset that its author does not know of yet, the
    /// same whether it exists or not.
    pub fn forecast(
        &self,
        command: &SignedCommand,
        enclosures: &Enclosures,
    ) -> Result<Vec<Effect>, AccessError> {
        enclosures.belong_to(command)?;
        self.may_be_moved(command)?;
        self.fields_can_be_kept(command, enclosures)?;
        let foreseen = self.forecast_command(command);
        // An ask is delivered to the owner, who sees who asks. To say beforehand whether there is one would be an answer
        // that nobody sees.
        let asks = matches!(command.value.operation, Operation::OpenAsk { .. });
        if let (Ok(_), true, Some(unknown)) = (&foreseen, asks, self.names_unknown(command)) {
            return Err(unknown.into());
        }
        foreseen.map_err(|error| match error {
            AccessError::Rejected(rejection) => self.veiled(command, rejection).into(),
            error => error,
        })
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
