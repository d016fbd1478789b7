//! One access request, in ten steps.

mod preview;

use std::collections::BTreeSet;

use secnet_ledger::{DatasetStatus, DecisionState, Rejection};
use secnet_types::{
    DatasetId, Decision, DecisionId, Digest, HoldAnswer, MemberId, Operation, ReasonClass, Receipt,
    RecordMeta, Verdict, encode, limits,
};

pub use preview::{Foreseen, Preview};

use crate::AccessError;
use crate::call::{AccessCall, Authenticated};
use crate::collect::Delivery;
use crate::facts::Facts;
use crate::granted::{Claim, Granted, Permission, scope_commitment};
use crate::notices::notice_to;
use crate::pdc::Pdc;
use crate::ports::{Change, Committed, EntryKind, EntryName, SubmitError};
use crate::project::Projected;
use crate::proof::Before;
use crate::record::FactsRecord;
use crate::vetting::{Judgement, Objection, Vetted, permit};

/// How long an allow can be collected, in milliseconds.
const COLLECTION_MS: u64 = 60 * 60 * 1000;
/// How much earlier than the ledger allows a hold asks for its answer, in milliseconds.
const HOLD_MARGIN_MS: u64 = 60_000;
/// Records that one request may cover; more is asked for page by page.
const MAX_RECORDS_PER_REQUEST: usize = 4096;

/// What became of a request.
#[derive(Debug)]
pub enum Outcome {
    /// Here it is, with the receipt.
    Released(Box<Delivery>),
    /// Fields of it are here, with the receipt.
    Projected(Box<Projected>),
    /// It waits for the owner's answer.
    Held(Box<Refusal>),
    /// No.
    Denied(Box<Refusal>),
    /// There is nothing here that this caller may know of, whether it exists or not.
    NotVisible,
}

/// A refusal as the requester sees it: class, remedy and receipt, no thresholds and nobody's ids.
#[derive(Debug)]
pub struct Refusal {
    /// The decision; none for a denial that was counted with others.
    pub decision: Option<DecisionId>,
    /// What kind of reason.
    pub class: ReasonClass,
    /// What to do.
    pub remedy: String,
    /// Seconds after which to ask again, if that is what to do.
    pub wait_s: Option<u32>,
    /// Proof that it was decided and recorded.
    pub receipt: Receipt,
}

/// Steps 4 to 6 done: what is to be recorded.
#[derive(Debug)]
pub(crate) struct Concluded {
    /// Whose data it is about.
    owner: MemberId,
    pub decision: Decision,
    record: FactsRecord,
    objection: Option<Objection>,
}

impl Pdc {
    /// Handle one access request. The decision, whatever it is, is on the ledger before anything is returned.
    ///
    /// # Errors
    /// [`AccessError`] if there was no decision, or nothing may be released on it any more. A refusal is no error.
    pub async fn access(&self, call: &AccessCall) -> Result<Outcome, AccessError> {
        let parsed = call.parse(&self.receiving_keys)?; //                                              1  bytes -> request
        let genuine = parsed.verify()?; //                                          2  signed, and
        let caller = self
            .view(|view| genuine.authenticate(view, self.clock.now())) //            2  -> Authenticated
            .ok_or(AccessError::Unauthenticated)??;
        let lifts = match self.decided_before(&caller) {
            None => None,
            Some(before) if before.answer == Some(HoldAnswer::Release) => Some(before.id),
            Some(_) => return self.answer_again(&caller).await, //                      a retry
        };
        if lifts.is_none() {
            self.in_time(&caller)?;
        }
        let Some(facts) = self.gather(&caller).await? else {
            //                     3  -> Facts
            self.requested_not_elsewhere(&caller)?;
            self.note_stray(&caller);
            return Ok(Outcome::NotVisible);
        };
        let discoverable = facts.discoverable;
        match self.decide(&caller, &facts, lifts).await {
            // Whatever became of it, a stranger gets the answer that it gets for what does not exist.
            _ if !discoverable => Ok(Outcome::NotVisible),
            // Another call with the same request was quicker.
            Err(AccessError::Rejected(Rejection::AlreadyDecided)) => {
                self.answer_again(&caller).await
            }
            // It moved away while it was decided.
            Err(AccessError::Rejected(Rejection::NotThePdc)) => {
                self.requested_not_elsewhere(&caller)?;
                Err(Rejection::NotThePdc.into())
            }
            outcome => outcome,
        }
    }

    /// Steps 4 to 10, for a dataset that is here.
    async fn decide(
        &self,
        caller: &Authenticated,
        facts: &Facts,
        lifts: Option<DecisionId>,
    ) -> Result<Outcome, AccessError> {
        self.served(caller.request.value.dataset).await?;
        let before = self.before(caller, lifts).await?;
        let asked = self.asked(caller, facts)?;
        let permitted = permit(facts, &asked); //                                   4  -> Permitted
        let event = self.event(caller, facts, &asked, permitted.as_ref().ok());
        let use_ = permitted.as_ref().ok().map(|permitted| permitted.as_use(before));
        let (mut judgement, verdict) = self.judge(event, facts, use_.as_ref());
        let vetted = permitted.and_then(|p| p.vetted(&mut judgement, verdict)); //  5  -> Vetted
        let concluded = self.conclude(caller, facts, &judgement, vetted, (asked.len(), before)); // 6
        let (concluded, committed) = self.record(caller, concluded).await?; //      7, 8  ordered and applied
        self.learn(&judgement, &concluded).await;
        self.answer(caller, concluded, committed).await //                          9, 10  release, receipt
    }

    /// The ledger would refuse any decision on a request that is too old or too long-lived; it is said here, before it is
    /// looked up whether what was asked for exists.
    fn in_time(&self, caller: &Authenticated) -> Result<(), AccessError> {
        let expires = caller.request.value.expires;
        let now = self.now();
        if expires <= now {
            return Err(Rejection::RequestExpired { expires, now }.into());
        }
        if expires.since_ms(now) > limits::MAX_REQUEST_LIFETIME_MS {
            return Err(Rejection::BadDeadline.into());
        }
        Ok(())
    }

    pub(crate) fn decided_before(&self, caller: &Authenticated) -> Option<DecisionState> {
        let request = &caller.request.value;
        self.view(|view| view.state.decision(request.requester, request.id).cloned()).flatten()
    }

    /// The records that the request covers, as far as that can be read.
    fn asked<'f>(
        &self,
        caller: &Authenticated,
        facts: &'f Facts,
    ) -> Result<Vec<&'f RecordMeta>, AccessError> {
        let scope = &caller.detail.scope;
        let Ok(grounds) = &facts.grounds else { return Ok(Vec::new()) };
        let index = &grounds.records.index;
        let asked: Vec<&RecordMeta> = match &scope.records {
            Some(ids) => ids
                .iter()
                .filter_map(|id| index.get(*id))
                .filter(|meta| scope.covers(meta))
                .collect(),
            None => index
                .iter()
                .filter(|meta| scope.covers(meta))
                .take(MAX_RECORDS_PER_REQUEST + 1)
                .collect(),
        };
        if asked.len() > MAX_RECORDS_PER_REQUEST {
            return Err(AccessError::Malformed(format!(
                "the request covers more than {MAX_RECORDS_PER_REQUEST} records; ask for a part of them"
            )));
        }
        Ok(asked)
    }

    /// Step 6: the decision, and the facts it is a function of.
    fn conclude(
        &self,
        caller: &Authenticated,
        facts: &Facts,
        judgement: &Judgement,
        vetted: Result<Vetted, Objection>,
        (asked, before): (usize, Before),
    ) -> Concluded {
        let request = &caller.request.value;
        let mut record = FactsRecord {
            salt: self.random(),
            requester: request.requester,
            request: request.id,
            dataset: request.dataset,
            detail: caller.detail.clone(),
            height: facts.height,
            time: facts.time,
            door: caller.door.as_str().to_owned(),
            asked: u32::try_from(asked).unwrap_or(u32::MAX),
            released: Vec::new(),
            scope_salt: self.random(),
            grant: None,
            reasons: judgement.reasons.clone(),
            remedy: String::new(),
            features: encode(&judgement.features),
            lifts: before.lifts,
            discoverable: facts.discoverable,
            policy: facts.grounds.as_ref().map_or(Digest::ZERO, |g| g.consent.digest()),
            watched: judgement.watched.clone(),
            obligations: BTreeSet::new(),
            max_price: request.max_price,
            fields: None,
            learnt: judgement.learnt_record(),
            relations: judgement.relations,
            proves: before.proves,
        };
        let (verdict, objection) = match vetted {
            Ok(vetted) => {
                let (grant, records, obligations) = vetted.into_parts();
                let count = u32::try_from(records.len()).unwrap_or(u32::MAX);
                let fields = grant.fields.as_deref().cloned();
                let scope = scope_commitment(&record.scope_salt, &records, fields.as_ref());
                record.fields = fields;
                record.grant = Some(grant.grant);
                record.released = records;
                let said = format!("allowed by grant {}", grant.grant);
                record.reasons.insert(0, said);
                record.obligations = obligations;
                let verdict = Verdict::Allow {
                    grant: grant.grant,
                    price: grant.price,
                    scope,
                    records: count,
                    collect_by: facts.time.max(self.clock.now()).plus_ms(COLLECTION_MS),
                };
                (verdict, None)
            }
            Err(objection) => {
                record.reasons = objection.reasons.clone();
                record.remedy = objection.remedy.clone();
                (self.refusing(&objection), Some(objection))
            }
        };
        let decision = Decision {
            request: caller.request.clone(),
            height: facts.height,
            facts: record.commitment(),
            policy: record.policy_commitment(),
            rules: judgement.rules,
            model: judgement.model,
            score: judgement.score,
            verdict,
            lifts: before.lifts,
        };
        Concluded { owner: facts.owner, decision, record, objection }
    }

    fn refusing(&self, objection: &Objection) -> Verdict {
        let reason = objection.class;
        if !objection.hold {
            return Verdict::Deny { reason };
        }
        let hold_ms = self.view(|view| view.state.parameters().hold_ms).unwrap_or(0);
        // A little less than the ledger allows, so that block time cannot push it over.
        let answer_by =
            self.clock.now().plus_ms(hold_ms.saturating_sub(HOLD_MARGIN_MS.min(hold_ms / 2)));
        Verdict::Hold { reason, answer_by }
    }

    /// Steps 7 and 8: facts kept, decision ordered and applied. If the ledger refuses an allow or a hold, because
    /// consent, count or funds have changed since the snapshot or too much waits for the owner, that refusal is recorded
    /// as a denial instead.
    async fn record(
        &self,
        caller: &Authenticated,
        concluded: Concluded,
    ) -> Result<(Concluded, Committed), AccessError> {
        match self.commit(caller, &concluded).await {
            Ok(committed) => Ok((concluded, committed)),
            Err(AccessError::Rejected(rejection)) if becomes_denial(&concluded, rejection) => {
                let denied = self.denied_by_ledger(caller, concluded, rejection);
                let committed = self.commit(caller, &denied).await?;
                Ok((denied, committed))
            }
            Err(error) => Err(error),
        }
    }

    /// The facts are durable before the decision is ordered: a decision whose facts are lost could not be collected by a
    /// retry. They are kept under the decision's own id, so that no later attempt on the same request replaces them.
    ///
    /// A denial beyond its requester's quota is counted with others instead. It is no decision on the request: the same
    /// request, sent again, is decided anew. What ends a hold is always recorded by itself.
    async fn commit(
        &self,
        caller: &Authenticated,
        concluded: &Concluded,
    ) -> Result<Committed, AccessError> {
        let request = &caller.request.value;
        if let (Verdict::Deny { reason }, None) =
            (concluded.decision.verdict, concluded.decision.lifts)
            && !self.refusals.may_record((request.requester, request.dataset), self.clock.now())
        {
            return self.count_denial(caller, reason).await;
        }
        let operation = Operation::RecordDecision { decision: concluded.decision.clone() };
        let command = self.sign(self.member, operation, self.signer.as_ref());
        let decision = DecisionId::derive(self.member, command.value.id);
        let name = facts_name(concluded.record.dataset, decision);
        let mut changes = vec![Change { name, value: Some(encode(&concluded.record)) }];
        changes.extend(notice_to(concluded.owner, &concluded.record, decision));
        let names: Vec<EntryName> = changes.iter().map(|change| change.name.clone()).collect();
        self.archive.write(changes).await?;
        match self.log.submit(command.to_bytes()).await {
            Ok(committed) => Ok(committed),
            Err(error @ (SubmitError::Rejected(_) | SubmitError::NoRoom)) => {
                // There is no such decision and never will be.
                let gone = names.into_iter().map(|name| Change { name, value: None });
                self.archive.write(gone.collect()).await?;
                Err(error.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn denied_by_ledger(
        &self,
        caller: &Authenticated,
        concluded: Concluded,
        rejection: Rejection,
    ) -> Concluded {
        let Concluded { owner, mut decision, mut record, .. } = concluded;
        let class = match rejection {
            Rejection::Denied
            | Rejection::GrantNotActive
            | Rejection::NotTheGrantee
            | Rejection::DatasetNotActive => ReasonClass::Consent,
            Rejection::InsufficientFunds { .. } => ReasonClass::Funds,
            _ => ReasonClass::Terms,
        };
        let objection = Objection {
            class,
            hold: false,
            wait_s: None,
            reasons: vec![format!("the ledger refused: {rejection}")],
            remedy: rejection.hint().to_owned(),
        };
        debug_assert_eq!(record.request, caller.request.value.id);
        record.salt = self.random();
        record.released.clear();
        record.fields = None;
        record.obligations.clear();
        record.grant = None;
        record.reasons = objection.reasons.clone();
        record.remedy = objection.remedy.clone();
        decision.verdict = Verdict::Deny { reason: class };
        decision.facts = record.commitment();
        decision.policy = record.policy_commitment();
        Concluded { owner, decision, record, objection: Some(objection) }
    }

    /// Steps 9 and 10.
    async fn answer(
        &self,
        caller: &Authenticated,
        concluded: Concluded,
        committed: Committed,
    ) -> Result<Outcome, AccessError> {
        if !concluded.record.discoverable {
            return Ok(Outcome::NotVisible);
        }
        let receipt = self.log.receipt(committed.event).await?;
        match concluded.objection {
            Some(objection) => {
                let decision = receipt_decision(&receipt)?;
                let Objection { class, remedy, wait_s, hold, .. } = objection;
                let refusal = Refusal { decision, class, remedy, wait_s, receipt };
                Ok(if hold {
                    Outcome::Held(Box::new(refusal))
                } else {
                    Outcome::Denied(Box::new(refusal))
                })
            }
            None => self.collect(caller, &concluded.record, receipt).await,
        }
    }

    /// Step 9: a fresh view of the ledger, then, and only then, the release.
    async fn collect(
        &self,
        caller: &Authenticated,
        record: &FactsRecord,
        receipt: Receipt,
    ) -> Result<Outcome, AccessError> {
        let request = &caller.request.value;
        let claim = Claim {
            requester: request.requester,
            request: request.id,
            dataset: request.dataset,
            records: record.released.clone(),
            fields: record.fields.clone(),
            scope_salt: record.scope_salt,
            receiving_key: caller.receiving_key.clone(),
            receiving_digest: request.receiving_key,
            detail: caller.detail.clone(),
        };
        let (host, now) = (self.hosting_key(), self.clock.now());
        let granted = self.view(|view| Granted::from_view(claim, host, view, now));
        let delivered = match granted.ok_or_else(AccessError::unreadable)? {
            Ok(Permission::Whole(granted)) => {
                self.deliver(granted, receipt).await.map(|it| Outcome::Released(Box::new(it)))
            }
            Ok(Permission::Fields(granted)) => {
                let projected = Box::pin(self.deliver_fields(granted, receipt)).await;
                projected.map(|it| Outcome::Projected(Box::new(it)))
            }
            Err(error) => Err(error),
        };
        match delivered {
            Ok(outcome) => Ok(outcome),
            Err(error) => {
                self.give_back_after(&error, request.requester, request.id).await;
                Err(error)
            }
        }
    }

    /// A retry gets what the first call got: the same decision, no second charge, the same records.
    async fn answer_again(&self, caller: &Authenticated) -> Result<Outcome, AccessError> {
        let before = self.decided_before(caller).ok_or(AccessError::Unauthenticated)?;
        // Of a dataset that comes or has left the facts may be here. It is answered where the dataset is.
        if !self.keeps(before.dataset) {
            return self.decided_elsewhere(caller, &before).map_or(Ok(Outcome::NotVisible), Err);
        }
        let bytes = self.archive.get(&facts_name(before.dataset, before.id)).await?;
        let Some(bytes) = bytes else {
            let active = self.view(|view| {
                let dataset = view.state.dataset(before.dataset);
                dataset.is_some_and(|dataset| dataset.status == DatasetStatus::Active)
            });
            return Err(match active {
                Some(true) => AccessError::Damaged("the facts of the decision are missing".into()),
                _ => AccessError::NotReleased("what was decided on was erased since"),
            });
        };
        let record =
            FactsRecord::from_bytes(&bytes).map_err(|e| AccessError::Damaged(e.to_string()))?;
        if !record.discoverable {
            return Ok(Outcome::NotVisible);
        }
        if before.request != caller.request.digest() {
            return Err(AccessError::Rejected(Rejection::RequestReused));
        }
        let receipt = self.log.receipt(before.event).await?;
        let refusal = |class| Refusal {
            decision: Some(before.id),
            class,
            remedy: record.remedy.clone(),
            wait_s: record.wait_left(class, self.now()),
            receipt: receipt.clone(),
        };
        match before.verdict {
            Verdict::Allow { .. } => {
                self.served(before.dataset).await?;
                self.collect(caller, &record, receipt).await
            }
            // A hold that the owner refused, or that ran out, is a denial.
            Verdict::Hold { reason, .. } if before.answer.is_some() => {
                Ok(Outcome::Denied(Box::new(refusal(reason))))
            }
            Verdict::Hold { reason, .. } => Ok(Outcome::Held(Box::new(refusal(reason)))),
            Verdict::Deny { reason } => Ok(Outcome::Denied(Box::new(refusal(reason)))),
        }
    }
}

/// Where the facts of a decision are kept.
pub(crate) fn facts_name(dataset: DatasetId, decision: DecisionId) -> EntryName {
    EntryName::new(EntryKind::Facts, &dataset.0, &decision.0)
}

/// The decision that a receipt proves; none if it proves a count of denials.
fn receipt_decision(receipt: &Receipt) -> Result<Option<DecisionId>, AccessError> {
    let damaged = || AccessError::Damaged("the receipt does not hold a decision".into());
    let command = secnet_types::SignedCommand::parse(&receipt.command).map_err(|_| damaged())?;
    match command.value.operation {
        Operation::RecordDecision { .. } => {
            Ok(Some(DecisionId::derive(command.value.author, command.value.id)))
        }
        Operation::SummariseDenials { .. } => Ok(None),
        _ => Err(damaged()),
    }
}

/// Uploads of a set of records.
pub(crate) type Uploads = BTreeSet<secnet_lock::UploadId>;

/// Is the ledger's refusal of a decision recorded as a denial? Not if there is a decision on the request already.
fn becomes_denial(concluded: &Concluded, rejection: Rejection) -> bool {
    !matches!(concluded.decision.verdict, Verdict::Deny { .. })
        && !matches!(rejection, Rejection::AlreadyDecided | Rejection::RequestReused)
}
