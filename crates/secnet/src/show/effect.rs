//! Effects, the parts of an event: a JSON object for programs, a sentence for people.

use secnet_crypto::VerifyingKey;
use secnet_types::{
    Amount, AskId, DatasetId, DecisionId, DenialId, Digest, Effect, GrantId, GroupId, MemberId,
    MemberKind, NodeSet, Reason, RequestId, ReviewFinding, RuleId, Timestamp, Verdict,
};
use serde_json::{Map, Value};

use super::Names;

macro_rules! effects {
    ($($variant:ident { $($field:ident),* } $word:literal $sentence:literal,)*) => {
        /// For programs: `effect` is the word, the other fields are those of docs/spec/events.md.
        pub(crate) fn value(effect: &Effect) -> Value {
            match effect {
                $(Effect::$variant { $($field),* } => {
                    let mut fields = Map::new();
                    fields.insert("effect".into(), $word.into());
                    $(fields.insert(stringify!($field).into(), $field.shown());)*
                    Value::Object(fields)
                })*
            }
        }

        /// For people.
        #[allow(unused_variables, reason = "not every sentence names every field")]
        pub(crate) fn sentence(effect: &Effect, names: &Names) -> String {
            match effect {
                $(Effect::$variant { $($field),* } => {
                    $(let $field = names.say(&$field.shown());)*
                    format!($sentence)
                })*
            }
        }

        /// For people, of what a node elsewhere prints as [`value`] does; the bare word of what this version does not know.
        #[allow(unused_variables, reason = "not every sentence names every field")]
        pub(crate) fn told(effect: &Value, names: &Names) -> String {
            let said =
                |field: &str| effect.get(field).map(|value| names.say(value)).unwrap_or_default();
            match effect.get("effect").and_then(Value::as_str).unwrap_or_default() {
                $($word => {
                    $(let $field = said(stringify!($field));)*
                    format!($sentence)
                })*
                other => other.to_owned(),
            }
        }
    };
}

effects! {
    MemberAdmitted { member, kind, voucher } "member-admitted" "{member} became a member ({kind}; vouched for by {voucher})",
    MemberSuspended { member } "member-suspended" "{member} was suspended",
    MemberReinstated { member } "member-reinstated" "{member} was reinstated",
    KeyRotated { member, key } "key-rotated" "{member} signs as {key} from now on",
    GroupCreated { group, admin } "group-created" "{admin} opened the group {group}",
    GroupChanged { group, added, removed } "group-changed" "{added} joined and {removed} left the group {group}",
    DatasetRegistered { dataset, owner, pdc } "dataset-registered" "{owner} registered {dataset}, decided on by {pdc}",
    DatasetUpdated { dataset } "dataset-updated" "{dataset} has other terms or records",
    DatasetWithdrawn { dataset } "dataset-withdrawn" "{dataset} was withdrawn",
    DatasetOffered { dataset, to } "dataset-offered" "{dataset} is offered to {to}",
    DatasetTransferred { dataset, from, to } "dataset-transferred" "{dataset} went over from {from} to {to}",
    DatasetMoved { dataset, from, to } "dataset-moved" "{dataset} went from the data centre of {from} to that of {to}",
    AskOpened { ask, dataset, asker } "ask-opened" "{asker} asked for {dataset}: {ask}",
    AskCountered { ask, price } "ask-countered" "{ask} got a counter-offer of {price} a use",
    AskAgreed { ask } "ask-agreed" "the counter-offer to {ask} was accepted",
    AskApproved { ask, grant } "ask-approved" "{ask} was approved by {grant}",
    AskRefused { ask, reason } "ask-refused" "{ask} was refused ({reason})",
    AskWithdrawn { ask } "ask-withdrawn" "{ask} was taken back",
    AskExpired { ask } "ask-expired" "{ask} was not answered in time",
    Granted { grant, dataset, by } "granted" "{by} granted {grant} on {dataset}",
    GrantRevoked { grant, by, reason } "grant-revoked" "{by} ended {grant} ({reason})",
    GrantEnded { grant } "grant-ended" "the time of {grant} is over",
    DenialMade { denial, owner } "denial-made" "{owner} made the denial {denial}",
    DenialLifted { denial } "denial-lifted" "{denial} was lifted",
    Delegated { owner, delegate } "delegated" "{delegate} may act for {owner}",
    DelegationEnded { owner, delegate } "delegation-ended" "{delegate} acts for {owner} no longer",
    SessionOpened { member, key } "session-opened" "{member} lets {key} sign requests",
    SessionEnded { member, key } "session-ended" "{key} signs no requests of {member} any more",
    Decided { decision, dataset, requester, request, verdict } "decided" "{requester} asked for {dataset}: {verdict}",
    DenialsSummarised { requester, dataset, count } "denials-summarised" "{count} more requests of {requester} for {dataset} were denied",
    HoldReleased { decision } "hold-released" "the hold {decision} was lifted by the owner",
    HoldRefused { decision } "hold-refused" "the hold {decision} was kept by the owner",
    Charged { decision, from, amount, escrow } "charged" "{amount} was taken from {from}",
    Paid { decision, to, amount } "paid" "{amount} was paid to {to}",
    FeeTaken { amount } "fee-taken" "{amount} went to the treasury",
    Refunded { decision, to, amount } "refunded" "{amount} went back to {to}",
    Transferred { from, to, amount } "transferred" "{from} sent {amount} to {to}",
    Issued { to, amount } "issued" "{amount} was issued to {to}",
    Redeemed { from, amount } "redeemed" "{from} took {amount} out of the network",
    TreasuryPaid { to, amount } "treasury-paid" "the treasury paid {amount} to {to}",
    Escrowed { grant, from, amount } "escrowed" "{from} set {amount} aside for {grant}",
    EscrowReturned { grant, to, amount } "escrow-returned" "{amount} of what was set aside for {grant} went back to {to}",
    ReviewDue { requester, request, by } "review-due" "the emergency use of {requester} is to be reviewed by {by}",
    Reviewed { requester, request, finding } "reviewed" "the emergency use of {requester} was reviewed: {finding}",
    ReviewOverdue { requester, request } "review-overdue" "the review of the emergency use of {requester} is overdue",
    RulePublished { rule, author, price } "rule-published" "{author} offers {rule} at {price} a licence",
    RuleBought { rule, buyer, seller, price, fee } "rule-bought" "{buyer} bought a licence of {rule} from {seller} for {price}",
    RuleInstalled { rule, by, simulate } "rule-installed" "{by} enforces {rule} (only watching: {simulate})",
    RuleRemoved { rule, by } "rule-removed" "{by} enforces {rule} no longer",
    Erased { dataset, items, last_backup_dies } "erased" "the keys of {items} things of {dataset} were destroyed; their last backup dies on {last_backup_dies}",
    ParametersSet {} "parameters-set" "the governors set the parameters",
    GovernorsSet {} "governors-set" "the governors set who governs",
    Closed { successor } "closed" "the chain was closed; {successor} continues it",
    AskLapsed { ask, dataset } "ask-lapsed" "{ask} lapsed with what became of {dataset}",
    HoldLapsed { decision, dataset } "hold-lapsed" "the hold {decision} lapsed with what became of {dataset}",
    ReviewAbandoned { requester, request } "review-abandoned" "the emergency use of {requester} is not reviewed any more",
    NodesSet { epoch, first, nodes } "nodes-set" "the governors set the network's nodes: epoch {epoch} begins with block {first}, with {nodes}",
    HoldExpired { decision } "hold-expired" "the hold {decision} was not answered in time",
}

/// A field as JSON.
trait Shown {
    fn shown(&self) -> Value;
}

macro_rules! by_display {
    ($($kind:ty),* $(,)?) => {$(
        impl Shown for $kind {
            fn shown(&self) -> Value {
                self.to_string().into()
            }
        }
    )*};
}
by_display!(
    Amount, AskId, DatasetId, DecisionId, DenialId, Digest, GrantId, GroupId, MemberId, RequestId,
    RuleId, Timestamp,
);

impl Shown for u32 {
    fn shown(&self) -> Value {
        (*self).into()
    }
}

impl Shown for u64 {
    fn shown(&self) -> Value {
        (*self).into()
    }
}

impl Shown for NodeSet {
    fn shown(&self) -> Value {
        let (validators, followers) = (self.validators.len(), self.followers.len());
        format!("{validators} validators and {followers} followers").into()
    }
}

impl Shown for bool {
    fn shown(&self) -> Value {
        (*self).into()
    }
}

impl Shown for [u8; 32] {
    fn shown(&self) -> Value {
        super::did(*self).into()
    }
}

impl<T: Shown> Shown for Option<T> {
    fn shown(&self) -> Value {
        self.as_ref().map_or(Value::Null, Shown::shown)
    }
}

impl Shown for MemberKind {
    fn shown(&self) -> Value {
        crate::keystore::kind_word(*self).into()
    }
}

impl Shown for Reason {
    fn shown(&self) -> Value {
        super::reason(*self).into()
    }
}

impl Shown for ReviewFinding {
    fn shown(&self) -> Value {
        super::finding(*self).into()
    }
}

impl Shown for Verdict {
    fn shown(&self) -> Value {
        super::verdict(self)
    }
}

/// A public key as a DID; one that is none, which no ledger holds, in hex.
pub(super) fn did(key: [u8; 32]) -> String {
    VerifyingKey::from_bytes(key).map_or_else(|_| super::hex(&key), |key| key.to_did_key())
}
