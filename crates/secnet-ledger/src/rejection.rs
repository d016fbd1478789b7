//! Why a command is refused. A refused command changes nothing.

use secnet_types::{Amount, MoneyError, Timestamp};

macro_rules! rejections {
    ($($(#[$doc:meta])* $variant:ident $({ $($field:ident: $ty:ty),* })? = $number:literal $code:literal $message:literal hint $hint:literal,)*) => {
        /// Why a command is refused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
        #[allow(missing_docs, reason = "the message of each variant is its documentation")]
        pub enum Rejection { $($(#[$doc])* #[error($message)] $variant $({ $($field: $ty),* })?,)* }

        impl Rejection {
            /// Number and code of each, by number.
            pub const ALL: &'static [(u16, &'static str)] = &[$(($number, $code),)*];

            /// A stable code for programs.
            #[must_use]
            pub const fn code(&self) -> &'static str {
                match self { $(Self::$variant { .. } => $code,)* }
            }

            /// A stable number for the byte form.
            #[must_use]
            pub const fn number(&self) -> u16 {
                match self { $(Self::$variant { .. } => $number,)* }
            }

            /// What to do about it.
            #[must_use]
            pub const fn hint(&self) -> &'static str {
                match self { $(Self::$variant { .. } => $hint,)* }
            }
        }
    };
}

rejections! {
    WrongNetwork = 1 "wrong-network" "the command is for another network" hint "sign it for this network's id",
    Expired { expires: Timestamp, now: Timestamp } = 2 "expired" "the command expired at {expires}; it is {now}" hint "sign a new one; check the clock of the machine that signed",
    ExpiresTooLate = 3 "expires-too-late" "the command's expiry is too far ahead" hint "let it expire within ten minutes",
    IdReused = 4 "id-reused" "the command's id was used by its author for another command" hint "draw a fresh random id for each command",
    UnknownMember = 5 "unknown-member" "there is no such member" hint "ask an organisation of the network to vouch for it",
    Suspended = 6 "suspended" "the member is suspended" hint "ask the organisation that vouched for it, or the governors",
    WrongKey = 7 "wrong-key" "the signing key is not the member's current key" hint "sign with the key that the last rotation named",
    Closed = 8 "closed" "the chain is closed" hint "go on with the network that continues it",
    NotEntitled = 9 "not-entitled" "the author may not do this" hint "the owner, or a delegate with the power for it, must sign",
    TooMany = 10 "too-many" "a list in the command is longer than its limit, or empty" hint "split it into several commands",
    AlreadyExists = 11 "already-exists" "it exists already" hint "use its id",
    MemberExists = 12 "member-exists" "a member with this key exists already" hint "every pseudonym needs its own key",
    WrongKind = 13 "wrong-kind" "a member of this kind cannot do or be that" hint "organisations vouch for persons, nodes and devices; governors admit organisations and nodes",
    NotVouchedByAuthor = 14 "not-vouched-by-author" "the author does not vouch for this member" hint "the organisation that admitted it must sign",
    BadKey = 15 "bad-key" "the public key is of small order or not canonically encoded" hint "generate a key with `secnet id new`",
    UnknownGroup = 16 "unknown-group" "there is no such group" hint "check the id",
    GroupFull = 17 "group-full" "the group has as many members as a group can have" hint "make a second group",
    UnknownDataset = 18 "unknown-dataset" "there is no such dataset" hint "check the id",
    DatasetNotActive = 19 "dataset-not-active" "the dataset is withdrawn, erased or past its terms" hint "ask its owner",
    NotOffered = 20 "not-offered" "the dataset is not offered to the author" hint "its owner must offer it first",
    BadTerms = 21 "bad-terms" "the terms do not hold together" hint "shares sum to at most 100 %, each beneficiary is named once, the expiry lies ahead",
    UnknownAsk = 22 "unknown-ask" "there is no such ask, or it is over" hint "open a new one",
    WrongAskState = 23 "wrong-ask-state" "the ask is not in a state that allows this" hint "look at it with `secnet inbox`",
    BadWindow = 24 "bad-window" "the time window is empty, over, or too long" hint "check from and until",
    CounterWithoutPrice = 25 "counter-without-price" "a counter-offer must name a price" hint "name the price, zero if it is free",
    PriceNotAsAsked { asked: Amount, granted: Amount } = 26 "price-not-as-asked" "the ask says {asked} for one use, the grant says {granted}" hint "grant at the agreed price or make a counter-offer",
    GrantNotAsAsked = 27 "grant-not-as-asked" "the grant is for another dataset, grantee, count or time than was agreed" hint "grant what was asked, or make a counter-offer",
    UnknownGrant = 28 "unknown-grant" "there is no such grant" hint "check the id",
    GrantNotActive = 29 "grant-not-active" "the grant is revoked, ended, not yet begun, or of a former owner" hint "ask for a new one",
    GrantUsedUp = 30 "grant-used-up" "the grant has no uses left" hint "ask for more uses",
    NotTheGrantee = 31 "not-the-grantee" "the requester is not whom the grant is for" hint "the grantee's own id must match exactly",
    EmergencyTerms = 32 "emergency-terms" "an emergency grant has price zero" hint "set the price to 0",
    Denied = 33 "denied" "an explicit denial forbids it" hint "the owner can lift the denial",
    UnknownDenial = 34 "unknown-denial" "there is no such denial" hint "check the id",
    UnknownDelegation = 35 "unknown-delegation" "there is no such delegation" hint "check who delegated what to whom",
    UnknownSession = 36 "unknown-session" "there is no such session key, or it is over" hint "open a new session",
    SessionSpent = 37 "session-spent" "the session key's spending limit is reached" hint "open a new session",
    NotThePdc = 38 "not-the-pdc" "the author is not the PDC that the owner named in the dataset" hint "only that PDC's decisions on it count",
    RequestMismatch = 39 "request-mismatch" "the request inside the decision is for another network or dataset, or its signature is by a key its author does not have" hint "ask again with the member's current key",
    RequestExpired { expires: Timestamp, now: Timestamp } = 40 "request-expired" "the request expired at {expires}; it is {now}" hint "ask again",
    RequestReused = 41 "request-reused" "the request's id was used for another request" hint "draw a fresh random id for each request, and keep it for retries",
    AlreadyDecided = 42 "already-decided" "the request has been decided" hint "a retry gets the same decision; ask again with a new id for another",
    FromTheFuture = 43 "from-the-future" "the facts are of a height that the ledger has not reached" hint "gather the facts again",
    PriceMismatch { agreed: Amount, given: Amount } = 44 "price-mismatch" "the grant says {agreed}, the decision says {given}" hint "the grant's price stands",
    AboveMaxPrice { price: Amount, max: Amount } = 45 "above-max-price" "the price is {price}, the requester pays at most {max}" hint "ask again with a higher maximum",
    InsufficientFunds { needed: Amount, available: Amount } = 46 "insufficient-funds" "{needed} is needed, {available} is there" hint "fund the account or the grant's escrow",
    BadDeadline = 47 "bad-deadline" "the deadline is past or too far ahead" hint "choose a deadline within the limit",
    NothingReleased = 48 "nothing-released" "an allow must name at least one record" hint "deny instead",
    UnknownDecision = 49 "unknown-decision" "there is no such decision, or nothing can come of it any more" hint "check the id",
    NotHeld = 50 "not-held" "the decision is not a hold that waits for an answer" hint "look at it with `secnet log`",
    NoCharge = 51 "no-charge" "there is no held charge for this request" hint "it was free, paid out or refunded",
    UnknownReview = 52 "unknown-review" "there is no such emergency use waiting for review" hint "check requester and request",
    ZeroAmount = 53 "zero-amount" "the amount is zero" hint "name an amount",
    MoneyOverflow = 54 "money-overflow" "the amount overflows" hint "name a smaller amount",
    UnknownRule = 55 "unknown-rule" "there is no such rule on offer" hint "check the id",
    RuleExpired = 56 "rule-expired" "the rule is expired, or would be" hint "choose an earlier end",
    NotLicensed = 57 "not-licensed" "the author has no licence of this rule" hint "buy it with `secnet rules buy`",
    NotInstalled = 58 "not-installed" "the rule is not installed" hint "check the id",
    NoQuorum = 59 "no-quorum" "too few governors approved the proposal" hint "collect more approvals; `secnet govern propose` writes a proposal down for the others",
    BadApproval = 60 "bad-approval" "an approval is not by a governor with its current key, or is there twice" hint "each governor approves once",
    BadGovernors = 61 "bad-governors" "the governors or their threshold do not fit" hint "list members in ascending order; a majority must be needed",
    SelfDealing = 62 "self-dealing" "payer and payee are the same" hint "name another member",
    TooManyDenials = 63 "too-many-denials" "the owner has as many denials as an owner can have" hint "lift some, or deny a group instead of its members",
    WrongVoucher = 64 "wrong-voucher" "the card does not name who admits the member: the organisation that vouches, or none for the governors" hint "let the new member sign a card that names it",
    LimitReached = 65 "limit-reached" "there are as many of these as one member can have" hint "end or take back some of them first",
    OfferChanged = 66 "offer-changed" "the counter-offer is not the one that the author accepts" hint "look at the owner's latest offer, and accept that one if it suits",
    DatasetBusy = 67 "dataset-busy" "as many asks or holds on the dataset wait for its owner as can wait" hint "try again when the owner has answered some",
    ConsentEnded = 68 "consent-ended" "the consent that the charge was for has ended since the decision" hint "report that it cannot be served, so that the charge goes back; ask again under a new grant",
    OtherTenure { given: u32, now: u32 } = 69 "other-tenure" "the grant is given in tenure {given} of the dataset, which is in tenure {now}" hint "all grants ended or the dataset changed hands meanwhile: look at it and sign a new grant",
    NotANetwork = 70 "not-a-network" "a chain with one sequencer has no nodes to set" hint "close it; the network that continues it names its validators",
    BadNodes = 71 "bad-nodes" "the nodes do not fit" hint "list validators and followers by key in ascending order, each once, at least one validator",
    NodesChanging = 72 "nodes-changing" "the last change of the network's nodes has not begun yet" hint "try again in some seconds",
    OtherEpoch = 73 "other-epoch" "the nodes were changed since the change was proposed" hint "look at the nodes that there are now, and propose it again",
    OtherPlace = 74 "other-place" "the dataset is at another data centre by now, or has other records than those that arrived" hint "let the data centre that it moves to take what has changed, and sign what it says then",
    BadArrival = 75 "bad-arrival" "the data centre that the dataset moves to has not said so by its current key, lately" hint "ask it again whether it has everything: what it said an hour ago counts no more",
}

impl From<MoneyError> for Rejection {
    fn from(_: MoneyError) -> Self {
        Self::MoneyOverflow
    }
}
