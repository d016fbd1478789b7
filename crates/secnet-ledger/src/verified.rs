//! Commands whose signatures have been checked: the only kind that can be applied.

use std::sync::Arc;

use secnet_crypto::{BatchItem, CryptoRng, Signature, verify_batch};
use secnet_types::{CoseError, Digest, Namespace, Operation, SignedCommand};

/// A command all of whose signatures, those inside it included, hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    pub(crate) command: Arc<SignedCommand>,
    pub(crate) bytes: Arc<[u8]>,
    pub(crate) digest: Digest,
}

/// Why bytes are not a command that can be applied at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// Not a signed command.
    #[error(transparent)]
    Form(#[from] CoseError),
    /// A signature does not hold.
    #[error("a signature of the command, or of something inside it, does not verify")]
    Signature,
}

impl Verified {
    /// The command.
    #[must_use]
    pub fn command(&self) -> &SignedCommand {
        &self.command
    }

    /// The signed bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// SHA-256 of the signed bytes.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Is it applied after all other commands of its block? What uses a consent comes after whatever ends one.
    #[must_use]
    pub fn uses_consent(&self) -> bool {
        let operation = &self.command.value.operation;
        matches!(operation, Operation::RecordDecision { .. } | Operation::ConfirmCollection { .. })
    }
}

/// Parses and verifies many commands at once: one batch check for all their signatures.
#[derive(Debug)]
pub struct VerifyingPool;

impl VerifyingPool {
    /// Parse and verify. One result per input, in order; exactly those are refused whose signatures would be
    /// refused one by one. `rng` only decides how fast a bad batch is found out, never which commands are good.
    pub fn verify(
        commands: Vec<Vec<u8>>,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Vec<Result<Verified, Invalid>> {
        let parsed: Vec<_> = commands
            .into_iter()
            .map(|bytes| SignedCommand::parse(&bytes).map(|command| (command, bytes)))
            .collect();
        let mut checks: Vec<(usize, [u8; 32], Vec<u8>, Signature)> =
            Vec::with_capacity(parsed.len());
        for (position, entry) in parsed.iter().enumerate() {
            if let Ok((command, _)) = entry {
                checks.extend(signatures(command).map(|(k, m, s)| (position, k, m, s)));
            }
        }
        let items: Vec<BatchItem<'_>> = checks
            .iter()
            .map(|(_, key, message, signature)| BatchItem {
                key: *key,
                msg: message,
                sig: *signature,
            })
            .collect();
        let mut bad = vec![false; parsed.len()];
        if let Err(indices) = verify_batch(&items, rng) {
            for index in indices {
                if let Some(flag) = checks.get(index).and_then(|check| bad.get_mut(check.0)) {
                    *flag = true;
                }
            }
        }
        parsed
            .into_iter()
            .zip(bad)
            .map(|(entry, bad)| match entry {
                Err(error) => Err(Invalid::Form(error)),
                Ok(_) if bad => Err(Invalid::Signature),
                Ok((command, bytes)) => {
                    let digest = Digest::of(&bytes);
                    Ok(Verified { command: Arc::new(command), bytes: bytes.into(), digest })
                }
            })
            .collect()
    }
}

/// Every signature that a command stands on: key, message, signature.
fn signatures(command: &SignedCommand) -> impl Iterator<Item = ([u8; 32], Vec<u8>, Signature)> {
    let mut all = vec![command.to_check()];
    match &command.value.operation {
        Operation::RecordDecision { decision } => all.push(decision.request.to_check()),
        Operation::Vouch { card } => all.push(card.to_check()),
        Operation::RotateKey { rotation } => all.push(rotation.to_check()),
        Operation::MoveDataset { arrival } => all.push(arrival.to_check()),
        Operation::Govern { proposal, approvals } => {
            if let secnet_types::Change::Admit(card) = &proposal.change {
                all.push(card.to_check());
            }
            all.extend(approvals.iter().map(|approval| {
                let signed = approval.over(proposal);
                (signed.key, signed.message(Namespace::Governance), Signature(signed.signature))
            }));
        }
        _ => {}
    }
    all.into_iter()
}
