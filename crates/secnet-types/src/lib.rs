//! The vocabulary of SecNet: ids, money, time, commands, requests, decisions, blocks and receipts, and their one byte form.
//!
//! Every value that is signed, hashed or stored has exactly one encoding: deterministic CBOR (RFC 8949 section 4.2)
//! decoded by [`decode`], which refuses anything that does not encode back to the same bytes. Everything signed is a
//! COSE_Sign1 (RFC 9052) under a [`Namespace`]. The byte formats are specified in `docs/spec`.
//!
//! This crate is pure: no clock, no randomness, no input or output.

mod arrival;
mod block;
mod codec;
mod command;
mod consent;
mod cose;
mod decision;
mod epoch;
mod event;
mod finality;
mod genesis;
mod governance;
mod ids;
pub mod limits;
mod market;
mod money;
mod namespace;
mod receipt;
mod request;
mod rule;
mod scope;
mod time;
mod vocabulary;

pub use arrival::{Arrival, MoveStatement, SignedArrival, SignedMove};
pub use block::{Block, Certificate, Header, SealedHeader};
pub use codec::{DecodeError, decode, encode};
pub use command::{Command, MemberCard, MemberKind, Operation, Rotation, SignedCommand};
pub use consent::{
    Answer, Ask, Bargain, Delegation, Denial, Grant, GrantDetail, Party, Power, Powers, Reason,
    Session, WrapDigest,
};
pub use cose::{CoseError, Payload, Signed, SignedBytes, Signer};
pub use decision::{
    Decision, DenialSummary, HoldAnswer, Obligation, ReasonClass, Review, ReviewFinding, Verdict,
};
pub use epoch::{
    Epoch, Epochs, Handover, HandoverError, NetworkNode, NodeAddress, NodeSet, ReleaseMember,
};
pub use event::{Cause, Effect, Event};
pub use finality::{SIMPLEX_ED25519, ValidatorKey, engine_namespace, quorum};
pub use genesis::{Founder, Genesis, GenesisError, Parameters, Predecessor, governors_fit};
pub use governance::{Change, GovernorApproval, Proposal};
pub use ids::{
    AskId, CommandId, DatasetId, DecisionId, DenialId, Digest, GrantId, GroupId, IdError, MemberId,
    NetworkId, RecordId, RequestId, RuleId,
};
pub use market::{Beneficiary, RuleListing, Terms};
pub use money::{Amount, BasisPoints, MoneyError};
pub use namespace::Namespace;
pub use receipt::{Receipt, ReceiptError, VerifiedReceipt};
pub use request::{AccessRequest, RequestDetail};
pub use rule::{
    AddressBlock, CedarError, Condition, Feature, FeatureKind, FeatureValue, FeatureVector, Rule,
    RuleAction, RuleContext, RuleError, RuleMatch, RuleScope, RuleSet, SafetyError, SafetyList,
    Test, WordList, check_safety,
};
pub use scope::{DataPeriod, RecordMeta, Scope};
pub use time::{Timestamp, Window};
pub use vocabulary::{
    Action, Category, Label, Labels, Place, Purpose, ServiceLevel, StaffRole, Tie, VocabularyError,
};
