//! A hospital's log as the guard would have met it, by session.

use secnet_guard::{Event, RelationFacts};

use super::{
    Hospital, LOOKED_AT, Lines, LoadError, Names, event, numbered_dataset, numbered_member,
};

/// One access, and what is known of it afterwards.
#[derive(Debug)]
pub(in crate::verbs::guard) struct Look {
    pub event: Event,
    pub misuse: bool,
    /// Why, if it is known.
    pub cause: String,
    /// Is it in the days for measuring?
    pub measures: bool,
}

impl Hospital {
    /// The accesses in order, each by a session, with what is known of them afterwards.
    pub(in crate::verbs::guard) fn looks(&self) -> Result<Vec<Look>, LoadError> {
        let names = Names { member: &numbered_member, dataset: &numbered_dataset };
        let log = self.file("accesses.csv")?;
        let (labels, causes) = (log.labels("label", "1")?, log.column("cause")?);
        let parts = log.column("split")?;
        Lines::new(log, LOOKED_AT)?.each(|at| {
            let said = |column: &[String]| column.get(at.row).cloned().unwrap_or_default();
            Ok(Look {
                event: Event { own_key: false, ..event(at, &names)? },
                misuse: labels.get(at.row) == Some(&true),
                cause: said(causes),
                measures: said(parts) == "test",
            })
        })
    }
}

impl Hospital {
    /// What the files say of relations, members and data by their numbers.
    pub(in crate::verbs::guard) fn numbered_facts(&self) -> Result<RelationFacts, LoadError> {
        self.facts(&Names { member: &numbered_member, dataset: &numbered_dataset })
    }
}
