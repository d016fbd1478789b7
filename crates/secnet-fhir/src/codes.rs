//! The clinical codes of a resource.

use std::collections::BTreeSet;

use crate::Sensitivity;
use crate::json::{Json, member, text};
use crate::limits::MAX_CODE_BYTES;

/// A code with the system that defines it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Coding {
    /// URI of the code system, such as `http://snomed.info/sct`.
    pub system: String,
    /// The code, such as `44054006`.
    pub code: String,
}

/// Collects the codes of one resource in the order of the document.
#[derive(Debug)]
pub(crate) struct Codes<'j> {
    max: usize,
    known: BTreeSet<(&'j str, &'j str)>,
    kept: Vec<Coding>,
    complete: bool,
    sensitivity: Sensitivity,
}

impl<'j> Codes<'j> {
    pub(crate) fn new(max: usize) -> Self {
        Self {
            max,
            known: BTreeSet::new(),
            kept: Vec::new(),
            complete: true,
            sensitivity: Sensitivity::NORMAL,
        }
    }

    /// Takes note of an object if it is a Coding. Quantities have the same members: units are no codes.
    pub(crate) fn see(&mut self, object: &'j Json<'_>) {
        let (Some(system), Some(code)) = (text(object, "system"), text(object, "code")) else {
            return;
        };
        if system == "http://unitsofmeasure.org" || member(object, "value").is_some() {
            return;
        }
        // Labels look at every code, whatever the catalogue has room for.
        self.sensitivity = self.sensitivity.union(Sensitivity::of_code(system, code));
        if self.known.contains(&(system, code)) {
            return;
        }
        if self.kept.len() >= self.max
            || system.len() > MAX_CODE_BYTES
            || code.len() > MAX_CODE_BYTES
        {
            self.complete = false;
            return;
        }
        self.known.insert((system, code));
        self.kept.push(Coding { system: system.to_owned(), code: code.to_owned() });
    }

    /// The codes kept, whether they are all, and the labels that all codes mean.
    pub(crate) fn finish(self) -> (Vec<Coding>, bool, Sensitivity) {
        (self.kept, self.complete, self.sensitivity)
    }
}
