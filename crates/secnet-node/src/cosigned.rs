//! What validators sign of the log besides blocks, for programs of others: each, on its own, a checkpoint's text (C2SP
//! `tlog-cosignature`) and the root of a COSE Receipt. A quorum's signatures show what one sequencer's would.
//!
//! A certificate of the engine shows the same and more, but only to who knows the engine's form.

use std::collections::BTreeMap;

use minicbor::{Decode, Encode};
use secnet_crypto::merkle::cosignature::{cosign, is_cosigned};
use secnet_crypto::{Checkpoint, CheckpointError, Hash, Signature, SigningKey};
use secnet_types::{Digest, Genesis, MemberId, ValidatorKey, quorum};

use crate::chain::Chain;
use crate::chain_error::ChainError;
use crate::checkpoint::{by_validators, origin};
use crate::cose_receipt::{self, Inclusion};
use crate::store::proof;

/// What a durable header says of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogStatement {
    /// Height of the header.
    pub height: u64,
    /// Its epoch: whose validators are to sign.
    pub epoch: u64,
    /// Events in the log below it.
    pub size: u64,
    /// Root over them.
    pub root: Digest,
}

/// What one validator signed of a statement.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Cosignature {
    /// When, by its clock, in seconds since 1970.
    #[n(0)]
    pub seconds: u64,
    /// Ed25519 signature over the checkpoint at that time, as C2SP `tlog-cosignature` has it.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub note: [u8; 64],
    /// Ed25519 signature of the COSE Receipt of every event in that log.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub receipt: [u8; 64],
}

impl LogStatement {
    /// Sign it as one of the validators, who has it durable.
    ///
    /// # Errors
    /// [`ChainError::Empty`]: not of a log that can be named, which no genesis has.
    pub fn cosign(
        &self,
        genesis: &Genesis,
        seconds: u64,
        key: &SigningKey,
    ) -> Result<Cosignature, ChainError> {
        let log = origin(genesis);
        let text = self.text(&log).map_err(|_| ChainError::Empty)?;
        let note = cosign(&text, seconds, key).0;
        Ok(Cosignature { seconds, note, receipt: cose_receipt::sign(&log, self, key).0 })
    }

    fn text(&self, log: &str) -> Result<String, CheckpointError> {
        Ok(Checkpoint::new(log, self.size, Hash(self.root.0))?.to_string())
    }
}

/// Signatures of one statement, until there are enough.
#[derive(Debug)]
pub struct Cosigning {
    log: String,
    text: String,
    statement: LogStatement,
    validators: Vec<ValidatorKey>,
    signed: BTreeMap<ValidatorKey, Cosignature>,
}

impl Cosigning {
    /// Take in what a validator signed. False if it is none of those whose turn it is, or its signatures do not hold.
    pub fn take(&mut self, from: ValidatorKey, cosignature: Cosignature) -> bool {
        let note = Signature(cosignature.note);
        let holds = self.validators.contains(&from)
            && is_cosigned(&self.text, cosignature.seconds, &from.0, &note)
            && cose_receipt::is_signed(&self.log, &self.statement, &from.0, &cosignature.receipt);
        if holds {
            self.signed.insert(from, cosignature);
        }
        holds
    }

    /// What is being signed.
    #[must_use]
    pub fn statement(&self) -> &LogStatement {
        &self.statement
    }

    /// All of it, once a quorum has signed.
    #[must_use]
    pub fn enough(&self) -> Option<Cosigned> {
        (self.signed.len() >= quorum(self.validators.len()))
            .then(|| Cosigned { statement: self.statement.clone(), signed: self.signed.clone() })
    }
}

/// A statement that a quorum of its epoch's validators has signed, each by itself. Only [`Cosigning`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosigned {
    statement: LogStatement,
    signed: BTreeMap<ValidatorKey, Cosignature>,
}

impl Cosigned {
    /// What they signed.
    #[must_use]
    pub fn statement(&self) -> &LogStatement {
        &self.statement
    }

    /// Who signed, ascending by key.
    pub fn cosignatures(&self) -> impl Iterator<Item = (&ValidatorKey, &Cosignature)> {
        self.signed.iter()
    }
}

/// What a validator is called in notes.
#[must_use]
pub fn cosigner_name(genesis: &Genesis, key: &ValidatorKey) -> String {
    format!("{}/{}", origin(genesis), MemberId(key.0))
}

impl Chain {
    /// What the durable header at this height says of the log; none if there is none.
    ///
    /// # Errors
    /// The block is damaged.
    pub fn log_statement(&self, height: u64) -> Result<Option<LogStatement>, ChainError> {
        // A block is in the store a moment before everybody sees it.
        if height > self.executor().height() {
            return Ok(None);
        }
        let header = self.recent(height)?.map(|block| block.header.clone());
        Ok(header.map(|header| LogStatement {
            height,
            epoch: header.epoch,
            size: header.log_size,
            root: header.log_root,
        }))
    }

    /// Begin to gather signatures under the newest certified log, if it is larger than this.
    ///
    /// # Errors
    /// A block is damaged.
    pub fn cosigning(&self, larger_than: u64) -> Result<Option<Cosigning>, ChainError> {
        let height = self.executor().height();
        let Some((block, _)) = self.certified(height)? else { return Ok(None) };
        let header = &block.header;
        if header.log_size <= larger_than {
            return Ok(None);
        }
        let statement = LogStatement {
            height: header.height,
            epoch: header.epoch,
            size: header.log_size,
            root: header.log_root,
        };
        let epochs = self.epochs()?;
        let Some(epoch) = epochs.get(header.epoch) else { return Ok(None) };
        let (log, validators) = (origin(&self.genesis), epoch.nodes.validator_keys());
        let text = statement.text(&log).map_err(|_| ChainError::Empty)?;
        Ok(Some(Cosigning { log, text, statement, validators, signed: BTreeMap::new() }))
    }

    /// COSE Receipts (RFC 9942) of an event in that log, one by each validator that signed it: encoded as an array.
    ///
    /// # Errors
    /// As [`Self::receipt`]; [`ChainError::NotCovered`] if the event came later.
    pub fn cose_receipts(&self, index: u64, cosigned: &Cosigned) -> Result<Vec<u8>, ChainError> {
        self.command_of(index)?.ok_or(ChainError::NotACommand(index))?;
        let statement = cosigned.statement();
        let block = self.recent(statement.height)?.ok_or(ChainError::Empty)?;
        let mut nodes = self.store.nodes()?;
        let node = |level, at| block.node((level, at), || nodes.node(level, at));
        let path = proof::inclusion(index, statement.size, node)?;
        let path: Vec<Digest> =
            path.ok_or(ChainError::NotCovered(index))?.into_iter().map(Digest).collect();
        let mut handovers = self.handovers_from(0)?;
        handovers.truncate(usize::try_from(statement.epoch).unwrap_or(usize::MAX));
        let at = Inclusion { size: statement.size, index, path: &path };
        Ok(cose_receipt::by_validators(&origin(&self.genesis), cosigned, &at, &handovers))
    }

    /// The checkpoint that a quorum signed, with the certified header and each one's signature.
    ///
    /// # Errors
    /// A block is damaged.
    pub fn cosigned_checkpoint(&self, cosigned: &Cosigned) -> Result<(u64, String), ChainError> {
        let statement = cosigned.statement();
        let block = self.recent(statement.height)?.ok_or(ChainError::Empty)?;
        let certificate =
            block.certificate.clone().ok_or(ChainError::NotCovered(statement.size))?;
        let sealed = self.sealed(block.header.clone(), certificate)?;
        let note = by_validators(&self.genesis, &sealed, cosigned.cosignatures());
        // INVARIANT: an origin made of a bech32 id is always a valid name.
        note.map(|note| (statement.size, note)).map_err(|_| ChainError::Empty)
    }
}
