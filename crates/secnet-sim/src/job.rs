//! One thing that somebody outside wants done, as often as it takes: a client that got no answer asks again with the
//! very same bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parking_lot::Mutex;
use secnet_app::ports::Committed;
use secnet_app::{
    AccessCall, AccessError, Delivery, Door, Enclosures, Outcome, Pdc, Reader, Shredded, Stated,
    Upload, what_to_shred,
};
use secnet_crypto::{SealKeyPair, SigningKey};
use secnet_ledger::GrantStatus;
use secnet_lock::{GrantWraps, SealedUpload};
use secnet_types::{
    Command, CommandId, DatasetId, DecisionId, Digest, GrantDetail, GrantId, MemberId, ReasonClass,
    Receipt, RecordId, RecordMeta, RequestDetail, RequestId, SignedCommand, Timestamp,
};

use crate::release::Delivered;
use crate::run::Broken;
use crate::world::Process;

/// What is wanted.
pub(crate) enum Wish {
    /// Keep records and register or update their dataset.
    TakeIn { sealed: SealedUpload, metas: Vec<RecordMeta>, stated: Stated, command: SignedCommand },
    /// A consent command with its enclosures.
    Order { command: SignedCommand, detail: Option<GrantDetail>, wraps: Option<GrantWraps> },
    /// Any other command.
    Submit { command: Vec<u8> },
    /// Data.
    Access(Box<Asking>),
    /// Erase some records, or all.
    Shred {
        dataset: DatasetId,
        records: Option<BTreeSet<RecordId>>,
        owner: MemberId,
        key: Arc<SigningKey>,
        id: CommandId,
        expires: Timestamp,
        plan: Mutex<Option<(Shredded, SignedCommand)>>,
    },
    /// State that these were collected.
    Settle(Vec<(MemberId, RequestId)>),
    /// State that this could not be served.
    GiveBack(MemberId, RequestId),
    /// Inbox, history and statement of a member.
    Look(MemberId),
}

/// An access and what is needed to open what it gives.
pub(crate) struct Asking {
    pub(crate) call: AccessCall,
    pub(crate) requester: MemberId,
    pub(crate) request: RequestId,
    pub(crate) dataset: DatasetId,
    pub(crate) own: Arc<SealKeyPair>,
    pub(crate) receiving: Arc<SealKeyPair>,
    /// The commitments of the details of the grants that it may be served under.
    pub(crate) details: Arc<Mutex<BTreeMap<GrantId, Digest>>>,
    pub(crate) detail: RequestDetail,
    /// The requester confirms after it has everything.
    pub(crate) settles: bool,
}

/// What came of it.
#[derive(Debug)]
pub(crate) enum Done {
    Committed(Committed),
    Released(Released),
    Held(DecisionId, Box<Receipt>),
    Denied(ReasonClass, Box<Receipt>),
    NotVisible,
    Looked,
    Failed(AccessError),
    /// Something was handed out that does not open, or a look found a contradiction.
    Wrong(String),
}

/// What a requester ended up with.
#[derive(Debug)]
pub(crate) struct Released {
    pub(crate) records: Vec<(RecordId, Vec<u8>)>,
    pub(crate) receipt: Box<Receipt>,
}

impl Wish {
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::TakeIn { .. } => "take in",
            Self::Order { .. } => "order",
            Self::Submit { .. } => "submit",
            Self::Access(_) => "access",
            Self::Shred { .. } => "shred",
            Self::Settle(_) => "settle",
            Self::GiveBack(..) => "give back",
            Self::Look(_) => "look",
        }
    }

    pub(crate) async fn attempt(&self, process: &Process) -> Done {
        match self.attempt_or_fail(process).await {
            Ok(done) => done,
            Err(error) => Done::Failed(error),
        }
    }

    async fn attempt_or_fail(&self, process: &Process) -> Result<Done, AccessError> {
        let pdc = process.pdc.as_ref();
        match self {
            Self::TakeIn { sealed, metas, stated, command } => {
                let upload = Upload { sealed: sealed.clone(), metas: metas.clone() };
                let (_, committed) = pdc.take_in(vec![upload], stated, command).await?;
                Ok(Done::Committed(committed))
            }
            Self::Order { command, detail, wraps } => {
                let enclosures = Enclosures { detail: detail.clone(), wraps: wraps.clone() };
                Ok(Done::Committed(pdc.order(command, enclosures).await?))
            }
            Self::Submit { command } => Ok(Done::Committed(pdc.log.submit(command.clone()).await?)),
            Self::Access(asking) => match asking.spoiled(process) {
                Some(done) => Ok(done),
                None => asking.attempt(process).await,
            },
            Self::Shred { dataset, records, owner, key, id, expires, plan } => {
                let made = plan.lock().clone();
                let (shredded, command) = match made {
                    Some(made) => made,
                    None => {
                        let shredded = pdc.plan_shredding(*dataset, records.clone()).await?;
                        let command = Command {
                            network: pdc.network(),
                            author: *owner,
                            id: *id,
                            expires: *expires,
                            operation: what_to_shred(&shredded),
                        };
                        let made = (shredded, SignedCommand::sign(command, key.as_ref()));
                        *plan.lock() = Some(made.clone());
                        made
                    }
                };
                let committed = pdc.shred(&shredded, &command).await?;
                process.archive.rekey().await?;
                Ok(Done::Committed(committed))
            }
            Self::Settle(collected) => pdc.settle(collected).await.map(|()| Done::Looked),
            Self::GiveBack(requester, request) => {
                pdc.give_back(*requester, *request).await.map(|()| Done::Looked)
            }
            Self::Look(member) => {
                pdc.inbox(*member).await?;
                pdc.history(*member).await?;
                Ok(Done::Looked)
            }
        }
    }
}

impl Asking {
    /// What a deliberately broken door says instead of handing the call on.
    fn spoiled(&self, process: &Process) -> Option<Done> {
        let exists =
            || process.pdc.view(|view| view.state.dataset(self.dataset).is_some()) == Some(true);
        match process.broken? {
            Broken::ChattyDoor if !exists() => {
                Some(Done::Failed(AccessError::Unknown(format!("dataset {}", self.dataset))))
            }
            Broken::WilfulDoor if self.call.door == Door::Cli => Some(Done::NotVisible),
            _ => None,
        }
    }

    async fn attempt(&self, process: &Process) -> Result<Done, AccessError> {
        let pdc = process.pdc.as_ref();
        let since = process.log.chain.executor().log_size();
        match pdc.access(&self.call).await? {
            Outcome::Released(delivery) => {
                // In the same moment: nothing was awaited since the flow let it go.
                self.watch(process, &delivery, since);
                self.read(pdc, *delivery).await
            }
            Outcome::Projected(_) => Ok(Done::Wrong("fields of a sealed dataset".into())),
            Outcome::Held(refusal) => Ok(match refusal.decision {
                Some(decision) => Done::Held(decision, Box::new(refusal.receipt)),
                None => Done::Wrong("a hold without a decision".into()),
            }),
            Outcome::Denied(refusal) => Ok(Done::Denied(refusal.class, Box::new(refusal.receipt))),
            Outcome::NotVisible => Ok(Done::NotVisible),
        }
    }

    fn watch(&self, process: &Process, delivery: &Delivery, since: u64) {
        let granted = &delivery.granted;
        let executor = process.log.chain.executor();
        let grant = executor.state().grant(granted.grant());
        let watch = &process.archive.watch;
        let delivered = Delivered {
            decision: granted.decision(),
            requester: granted.requester(),
            request: granted.request(),
            dataset: granted.dataset(),
            grant: granted.grant(),
            priced: delivery.price != secnet_types::Amount::ZERO,
            since,
            ended: grant.is_none_or(|grant| grant.status != GrantStatus::Active),
            moment: process.log.moment(watch),
        };
        drop(executor);
        watch.lock().delivered.push(delivered);
    }

    /// Fetch and open every record of the delivery.
    async fn read(&self, pdc: &Pdc, delivery: Delivery) -> Result<Done, AccessError> {
        let wrong = |what: String| Ok(Done::Wrong(what));
        let grant = delivery.granted.grant();
        let Some(detail) = self.details.lock().get(&grant).copied() else {
            return wrong(format!("served under grant {grant}, which was not the requester's"));
        };
        let reader = match Reader::new(&delivery, &self.own, &self.receiving, detail) {
            Ok(reader) => reader,
            Err(error) => return wrong(format!("the delivery does not open: {error}")),
        };
        let mut records = Vec::with_capacity(delivery.records.len());
        for (meta, entry) in &delivery.records {
            let ciphertext = pdc.ciphertext(&delivery.granted, meta.id).await?;
            match reader.open(entry, &ciphertext) {
                Ok(plain) => records.push((meta.id, plain.to_vec())),
                Err(error) => return wrong(format!("record {} does not open: {error}", meta.id)),
            }
        }
        if self.settles && delivery.price != secnet_types::Amount::ZERO {
            // A retry of one that was settled finds nothing to settle.
            let _settled = pdc.settle(&[(self.requester, self.request)]).await;
        }
        Ok(Done::Released(Released { records, receipt: Box::new(delivery.receipt) }))
    }
}

impl Wish {
    /// The grant that it makes, if it makes one.
    pub(crate) fn grant(&self) -> Option<GrantId> {
        match self {
            Self::Order { command, .. } => Pdc::grant_made_by(command),
            _ => None,
        }
    }

    /// The records that it erases.
    pub(crate) fn erased(&self) -> BTreeSet<RecordId> {
        match self {
            Self::Shred { plan, .. } => {
                plan.lock().as_ref().map(|(plan, _)| plan.records.clone()).unwrap_or_default()
            }
            _ => BTreeSet::new(),
        }
    }

    /// The command that it stands or falls with.
    pub(crate) fn command_bytes(&self) -> Option<Vec<u8>> {
        match self {
            Self::TakeIn { command, .. } | Self::Order { command, .. } => Some(command.to_bytes()),
            Self::Submit { command } => Some(command.clone()),
            Self::Shred { plan, .. } => plan.lock().as_ref().map(|(_, command)| command.to_bytes()),
            Self::Access(_) | Self::Settle(_) | Self::GiveBack(..) | Self::Look(_) => None,
        }
    }
}
