//! What the hospital says of who looks after whom: a statement of the data centre's own, signed and kept here. On the ledger it
//! would tell everybody who lies where.

use std::sync::Arc;

use minicbor::{Decode, Encode};
use secnet_guard::{RelationFacts, Relations, RelationsError};
use secnet_types::{CoseError, MemberId, Namespace, NetworkId, Payload, Signed, Timestamp};

use crate::AccessError;
use crate::kept::Amiss;
use crate::pdc::Pdc;
use crate::ports::{Archive, ArchiveError, Change, EntryKind, EntryName};

/// Everything a hospital says at one time; it replaces what it said before.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct RelationsStatement {
    /// In what network.
    #[n(0)]
    pub network: NetworkId,
    /// Whose data centre.
    #[n(1)]
    pub author: MemberId,
    /// When.
    #[n(2)]
    pub at: Timestamp,
    /// What.
    #[n(3)]
    pub facts: RelationFacts,
}

impl Payload for RelationsStatement {
    const WHAT: &'static str = "relations";
    const NAMESPACE: Namespace = Namespace::Relations;
    const LIMIT: usize = 32 * 1024 * 1024;
}

/// Why a statement is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RelationsFault {
    /// It contradicts itself, or is too much.
    #[error(transparent)]
    Facts(#[from] RelationsError),
    /// Something newer is known.
    #[error("what is known of relations was said later than this")]
    Older,
    /// It is too long.
    #[error("the facts are {given} bytes, at most {most} are taken")]
    TooLong {
        /// How long.
        given: usize,
        /// How long it may be.
        most: usize,
    },
    /// Anything else.
    #[error(transparent)]
    Access(#[from] AccessError),
}

impl From<ArchiveError> for RelationsFault {
    fn from(error: ArchiveError) -> Self {
        Self::Access(error.into())
    }
}

fn name() -> EntryName {
    EntryName::new(EntryKind::Relations, &[], &[])
}

fn parsed(bytes: &[u8]) -> Result<Signed<RelationsStatement>, CoseError> {
    let said = Signed::<RelationsStatement>::parse(bytes)?;
    said.verify()?;
    Ok(said)
}

/// The facts that are kept, ready to be asked; empty ones if nothing was said.
pub(crate) async fn relations_kept(archive: &dyn Archive) -> Result<Arc<Relations>, ArchiveError> {
    let Some(bytes) = archive.get(&name()).await? else { return Ok(Arc::default()) };
    let damaged = |error: String| ArchiveError::Damaged(format!("facts of relations: {error}"));
    let said = parsed(&bytes).map_err(|error| damaged(error.to_string()))?;
    let relations = Relations::new(said.value.facts).map_err(|error| damaged(error.to_string()))?;
    Ok(Arc::new(relations))
}

impl Pdc {
    /// Take a statement in place of the one before: durable, and asked with the next request, when this returns. How many
    /// members of staff and patients it names.
    ///
    /// # Errors
    /// [`RelationsFault`]; what was said before stands then.
    pub async fn take_relations(
        &self,
        statement: &Signed<RelationsStatement>,
    ) -> Result<(usize, usize), RelationsFault> {
        let said = &statement.value;
        let bytes = statement.to_bytes();
        if bytes.len() > RelationsStatement::LIMIT {
            let (given, most) = (bytes.len(), RelationsStatement::LIMIT);
            return Err(RelationsFault::TooLong { given, most });
        }
        let key = statement.envelope.key;
        let is_own = said.author == self.member && said.network == self.network();
        let current = self.view(|view| {
            let member = view.state.member(said.author);
            member.is_some_and(|member| member.key == key && !member.suspended)
        });
        if !is_own || current != Some(true) || statement.verify().is_err() {
            return Err(AccessError::Unauthenticated.into());
        }
        let relations = Arc::new(Relations::new(said.facts.clone())?);
        if let Some(before) = self.archive.get(&name()).await? {
            let before = parsed(&before);
            if before.is_ok_and(|before| before.value.at > said.at) {
                return Err(RelationsFault::Older);
            }
        }
        self.archive.write(vec![Change { name: name(), value: Some(bytes) }]).await?;
        let named = relations.named();
        self.learning.lock().guard.set_relations(relations);
        Ok(named)
    }

    /// How many members of staff and patients the facts of relations name.
    #[must_use]
    pub fn related(&self) -> (usize, usize) {
        self.learning.lock().guard.relations().named()
    }
}

/// Is what is kept of relations damaged? For checks of a folder.
///
/// # Errors
/// The archive's storage fails.
pub async fn relations_amiss(archive: &dyn Archive) -> Result<Vec<Amiss>, ArchiveError> {
    match relations_kept(archive).await {
        Ok(_) => Ok(Vec::new()),
        Err(ArchiveError::Damaged(_)) => {
            let what = "what the hospital said of relations".to_owned();
            Ok(vec![Amiss { what, problem: "it is not as it was signed" }])
        }
        Err(error) => Err(error),
    }
}
