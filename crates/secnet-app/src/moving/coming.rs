//! The data centre that a dataset moves to: what the owner has said, how far it is, and when it may serve.

use minicbor::{Decode, Encode};
use secnet_ledger::{Dataset, DatasetStatus, Rejection};
use secnet_types::{
    Arrival, DatasetId, MemberId, Operation, SignedArrival, SignedCommand, SignedMove, decode,
};

use super::leaving::{is_owners_word, is_timely, leaving_name};
use super::taking::Phase;
use super::{Coming, Former, MAX_LACKING, MoveStage, MoveStanding, Moves};
use crate::AccessError;
use crate::pdc::{Pdc, put};
use crate::ports::{Archive, ArchiveError, Change, EntryKind, EntryName};

/// Datasets that may be on their way here at once.
const MAX_COMING: usize = 256;
/// The same of one owner.
const MAX_COMING_OF_OWNER: usize = 32;
/// Longest note, in bytes.
const MAX_NOTE_BYTES: usize = 1024;
const NOT_ARRIVED: &str = "this data centre does not have all of the dataset; let it take a copy first: `secnet data move`";
const NOT_BY_UPDATE: &str = "an update leaves a dataset where it is, for its records would stay behind; move it with `secnet data move`";

/// The note of a dataset that is to move here.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(super) struct ComingNote {
    /// The owner's word.
    #[n(0)]
    pub statement: SignedMove,
    /// Who that is.
    #[n(1)]
    pub owner: MemberId,
    /// Events in the log when the last copy that was whole was begun.
    #[n(2)]
    pub whole_at: Option<u64>,
}

fn coming_name(dataset: DatasetId) -> EntryName {
    EntryName::new(EntryKind::Coming, &[], &dataset.0)
}

fn noted(dataset: DatasetId, note: &ComingNote) -> Change {
    put(EntryKind::Coming, &[], &dataset.0, note)
}

fn read(bytes: &[u8]) -> Result<ComingNote, ArchiveError> {
    decode("note of a move", bytes, MAX_NOTE_BYTES)
        .map_err(|error| ArchiveError::Damaged(error.to_string()))
}

/// The moves that were under way when the data centre stopped.
pub(crate) async fn moves_kept(archive: &dyn Archive) -> Result<Moves, ArchiveError> {
    let mut moves = Moves::default();
    for (name, bytes) in archive.list(EntryKind::Coming, &[]).await? {
        let (Ok(id), note) = (name.key.try_into(), read(&bytes)?) else { continue };
        let (standing, whole_at) = (MoveStanding::begun(), note.whole_at);
        moves.coming.insert(DatasetId(id), Coming { standing, whole_at, served: false });
    }
    Ok(moves)
}

impl Pdc {
    /// The owner says that a dataset is to move here. The same again changes nothing.
    ///
    /// # Errors
    /// [`AccessError::Elsewhere`] if it is to move to another data centre; [`AccessError::Unknown`] to whoever does not own it;
    /// [`AccessError::Malformed`] if the statement does not fit or does not count; [`AccessError::Quota`].
    pub async fn begin_move(
        &self,
        caller: MemberId,
        statement: &SignedMove,
    ) -> Result<MoveStanding, AccessError> {
        let said = &statement.value;
        let dataset = said.dataset;
        let unknown = || AccessError::Unknown(format!("dataset {dataset}"));
        let entry = self.owned(caller, dataset).ok_or_else(unknown)?;
        if said.to != self.member {
            return Err(AccessError::Elsewhere(Box::new(self.place_at(dataset, said.to))));
        }
        let wrong = |what: &str| Err(AccessError::Malformed(what.into()));
        if entry.pdc == self.member {
            return Ok(self.standing(dataset).unwrap_or_else(settled));
        }
        if entry.status != DatasetStatus::Active {
            return Err(Rejection::DatasetNotActive.into());
        }
        if said.network != self.network() || said.from != entry.pdc {
            return wrong(
                "the statement is for another network, or for a dataset that is elsewhere by now",
            );
        }
        let by_owner = self.view(|view| is_owners_word(statement, caller, view)) == Some(true);
        if !by_owner || statement.verify().is_err() {
            return Err(AccessError::Unauthenticated);
        }
        if !is_timely(said, self.now()) {
            return wrong("the statement is too old, of a time to come, or counts for too long");
        }
        let _moving = self.moving.lock().await;
        let before = self.coming_note(dataset).await?;
        if before.as_ref().is_none_or(|before| before.statement != *statement) {
            if before.is_none() && !self.has_place_for_a_move(caller) {
                return Err(AccessError::Quota);
            }
            let whole_at = before.and_then(|before| before.whole_at);
            let note = ComingNote { statement: statement.clone(), owner: caller, whole_at };
            // It may have been here before: what is left of that is compared, and not removed any more.
            let left = Change { name: leaving_name(dataset), value: None };
            self.archive.write(vec![noted(dataset, &note), left]).await?;
        }
        let mut moves = self.moves.lock();
        let coming = moves.coming.entry(dataset).or_insert_with(|| Coming {
            standing: MoveStanding::begun(),
            whole_at: None,
            served: false,
        });
        Ok(coming.standing.clone())
    }

    fn has_place_for_a_move(&self, owner: MemberId) -> bool {
        let coming: Vec<DatasetId> = self.moves.lock().coming.keys().copied().collect();
        let own = coming.iter().filter(|dataset| self.owned(owner, **dataset).is_some()).count();
        coming.len() < MAX_COMING && own < MAX_COMING_OF_OWNER
    }

    /// How a move here stands, for the owner.
    ///
    /// # Errors
    /// [`AccessError::Unknown`] if there is none, or to anybody else.
    pub fn move_standing(
        &self,
        owner: MemberId,
        dataset: DatasetId,
    ) -> Result<MoveStanding, AccessError> {
        let unknown = || AccessError::Unknown(format!("a move of dataset {dataset}"));
        let entry = self.owned(owner, dataset).ok_or_else(unknown)?;
        match self.standing(dataset) {
            Some(standing) => Ok(standing),
            None if entry.pdc == self.member => Ok(settled()),
            None => Err(unknown()),
        }
    }

    /// Is all of it here, and does the owner's command lack?
    #[must_use]
    pub fn waits_for_owner(&self, dataset: DatasetId) -> bool {
        self.standing(dataset).is_some_and(|standing| standing.stage == MoveStage::Arrived)
    }

    /// Need it not be looked at again at once: it waits for its owner, or for the other data centre.
    #[must_use]
    pub fn may_wait(&self, dataset: DatasetId) -> bool {
        let standing = self.standing(dataset);
        let held_up = standing.is_some_and(|it| it.why.is_some() || !it.lacking.is_empty());
        held_up || self.waits_for_owner(dataset)
    }

    /// As it was left, but for what the ledger says since.
    fn standing(&self, dataset: DatasetId) -> Option<MoveStanding> {
        let here = self.keeps(dataset);
        let moves = self.moves.lock();
        let mut standing = moves.coming.get(&dataset)?.standing.clone();
        drop(moves);
        if here && standing.stage != MoveStage::Settled {
            standing.stage = MoveStage::Settling;
        }
        Some(standing)
    }

    /// The datasets that are on their way here, and at whose data centre each is, or was.
    ///
    /// # Errors
    /// The archive cannot be read.
    pub async fn moves_here(&self) -> Result<Vec<(DatasetId, MemberId)>, AccessError> {
        let mut all = Vec::new();
        for (name, bytes) in self.archive.list(EntryKind::Coming, &[]).await? {
            if let Ok(id) = name.key.try_into() {
                all.push((DatasetId(id), read(&bytes)?.statement.value.from));
            }
        }
        Ok(all)
    }

    pub(super) async fn coming_note(
        &self,
        dataset: DatasetId,
    ) -> Result<Option<ComingNote>, AccessError> {
        let bytes = self.archive.get(&coming_name(dataset)).await?;
        Ok(bytes.map(|bytes| read(&bytes)).transpose()?)
    }

    /// Go on with a move here, as far as that goes now.
    ///
    /// # Errors
    /// Archive, vault or log fail. What the other data centre does not give, or gives otherwise than the ledger has it, is in the
    /// standing.
    pub async fn go_on_moving(
        &self,
        dataset: DatasetId,
        former: &dyn Former,
    ) -> Result<MoveStanding, AccessError> {
        let _alone = self.taking_over.lock().await;
        let Some(note) = self.coming_note(dataset).await? else {
            return self.standing(dataset).map_or_else(|| Ok(settled()), Ok);
        };
        let seen =
            self.view(|view| (view.state.dataset(dataset).cloned(), (view.height, view.log_size)));
        let (entry, (height, log_size)) = seen.ok_or_else(AccessError::unreadable)?;
        let Some(phase) = self.phase(entry.as_ref(), &note) else {
            // It was erased, went to another owner or place, or the owner's word is too old: nothing of it stays that is not here.
            return self.give_up_move(dataset, &note).await;
        };
        let taken = self.take_copy((dataset, &note), phase, height, former).await?;
        let whole = taken.lacking.is_empty() && taken.why.is_none();
        let mut arrival = None;
        if whole && phase == Phase::Copy {
            let note = ComingNote { whole_at: Some(log_size), ..note.clone() };
            let _moving = self.moving.lock().await;
            self.archive.write(vec![noted(dataset, &note)]).await?;
            arrival = self.arrival(dataset, &note, entry.as_ref());
        }
        let settled_now = whole && phase == Phase::CatchUp && self.say_done(&note, former).await;
        if settled_now {
            let _moving = self.moving.lock().await;
            self.archive.write(vec![Change { name: coming_name(dataset), value: None }]).await?;
        }
        let mut moves = self.moves.lock();
        let Some(coming) = moves.coming.get_mut(&dataset) else { return Ok(settled()) };
        let standing = &mut coming.standing;
        (standing.lacking, standing.why) = (taken.lacking, taken.why);
        standing.lacking.truncate(MAX_LACKING);
        if let Some(arrival) = arrival {
            coming.whole_at = Some(log_size);
            standing.arrival = Some(arrival);
        }
        standing.stage = match phase {
            Phase::Copy if whole => MoveStage::Arrived,
            Phase::Copy => MoveStage::Copying,
            Phase::CatchUp if settled_now => MoveStage::Settled,
            Phase::CatchUp => MoveStage::Settling,
        };
        if !whole && phase == Phase::Copy {
            standing.arrival = None;
        }
        // What was erased at the other one before the move is destroyed here as well now.
        coming.served |= whole && phase == Phase::CatchUp;
        let told = standing.clone();
        if settled_now {
            moves.coming.remove(&dataset);
        }
        Ok(told)
    }

    fn phase(&self, entry: Option<&Dataset>, note: &ComingNote) -> Option<Phase> {
        let entry = entry.filter(|entry| entry.owner == note.owner)?;
        if entry.pdc == self.member && entry.status != DatasetStatus::Erased {
            return Some(Phase::CatchUp);
        }
        let said = &note.statement.value;
        let by_owner = self.view(|view| is_owners_word(&note.statement, note.owner, view));
        let counts = entry.pdc == said.from
            && entry.status == DatasetStatus::Active
            && by_owner == Some(true)
            && is_timely(said, self.now());
        counts.then_some(Phase::Copy)
    }

    /// What this data centre says when it has everything.
    fn arrival(
        &self,
        dataset: DatasetId,
        note: &ComingNote,
        entry: Option<&Dataset>,
    ) -> Option<SignedArrival> {
        let arrival = Arrival {
            network: self.network(),
            dataset,
            from: note.statement.value.from,
            to: self.member,
            manifest: entry?.manifest,
            said: self.clock.now(),
        };
        Some(SignedArrival::sign(arrival, self.signer.as_ref()))
    }

    /// A move that comes to nothing leaves nothing behind. One that came to another owner is hers, and stays.
    async fn give_up_move(
        &self,
        dataset: DatasetId,
        note: &ComingNote,
    ) -> Result<MoveStanding, AccessError> {
        let _moving = self.moving.lock().await;
        let here = self.keeps(dataset) && !self.is_erased(dataset);
        if !here {
            self.drop_copy(dataset, note.owner).await?;
        }
        self.archive.write(vec![Change { name: coming_name(dataset), value: None }]).await?;
        self.moves.lock().coming.remove(&dataset);
        Ok(settled())
    }

    /// What stands in the way of a command that moves a dataset: who moves it asks the data centre that it moves to, and that one
    /// knows whether it has everything.
    pub(crate) fn may_be_moved(&self, command: &SignedCommand) -> Result<(), AccessError> {
        let unknown = || self.names_unknown(command).is_some();
        match &command.value.operation {
            // Whoever may not know of the dataset hears from the ledger that there is none.
            Operation::MoveDataset { .. } | Operation::UpdateDataset { .. } if unknown() => Ok(()),
            Operation::MoveDataset { arrival } => {
                let said = &arrival.value;
                if said.to != self.member {
                    let place = self.place_at(said.dataset, said.to);
                    return Err(AccessError::Elsewhere(Box::new(place)));
                }
                // One that was applied before is answered as then.
                let (author, id) = (command.value.author, command.value.id);
                if self.view(|view| view.state.applied(author, id).is_some()) == Some(true) {
                    return Ok(());
                }
                let ready = self.standing(said.dataset).and_then(|standing| standing.arrival);
                match ready.is_some_and(|ready| ready.value.manifest == said.manifest) {
                    true => Ok(()),
                    false => Err(AccessError::Malformed(NOT_ARRIVED.into())),
                }
            }
            Operation::UpdateDataset { dataset, pdc, .. } => {
                let at = self.view(|view| view.state.dataset(*dataset).map(|entry| entry.pdc));
                match at.flatten().is_some_and(|at| at != *pdc) {
                    true => Err(AccessError::Malformed(NOT_BY_UPDATE.into())),
                    false => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    /// May the dataset be served? One that has just moved here is not, while something that was erased between the copy and the
    /// move may still be here.
    pub(crate) async fn served(&self, dataset: DatasetId) -> Result<(), AccessError> {
        let whole_at = match self.moves.lock().coming.get(&dataset) {
            Some(coming) if !coming.served => coming.whole_at,
            _ => return Ok(()),
        };
        if !self.keeps(dataset) {
            return Ok(());
        }
        self.catch_up().await?;
        let erased = self.timeline.lock().last_erasure(dataset);
        let clean = whole_at.is_some_and(|at| erased.is_none_or(|erased| erased < at));
        if !clean {
            return Err(AccessError::Settling(dataset));
        }
        if let Some(coming) = self.moves.lock().coming.get_mut(&dataset) {
            coming.served = true;
        }
        Ok(())
    }
}

/// There is nothing to wait for.
fn settled() -> MoveStanding {
    MoveStanding { stage: MoveStage::Settled, ..MoveStanding::begun() }
}
