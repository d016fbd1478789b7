//! A hospital's files: what they say of who looks after whom, and its access log as a table of the guard's features.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use secnet_guard::learnt::Input;
use secnet_guard::relations::{
    CareFact, Home, PatientFact, ShiftFact, StaffFact, StayFact, UnitFact,
};
use secnet_guard::{Event, Guard, Model, Observed, RelationFacts, Relations};
use secnet_learn::{Column, Split, Table};
use secnet_types::{
    Action, DatasetId, Feature, FeatureKind, Label, Labels, MemberId, Place, Purpose, Tie,
    Timestamp,
};

use super::load::{LoadError, Sheet};
use super::models::column_name;
use super::sets::{Loaded, with_column};
use super::tasks::Figure;
use super::ward;

mod looks;
#[cfg(test)]
mod tests;

pub(super) use self::looks::Look;

/// Kinds of misuse that the days for learning have too, as the made-up log names them.
const KNOWN: [&str; 6] =
    ["prominent", "workmate", "household", "harvest", "slow-harvest", "former-patient"];
/// Somebody whom one knows, or knows of; and every other single person too.
const SNOOPING: [&str; 3] = ["prominent", "workmate", "household"];
const CURIOSITY: [&str; 6] =
    ["prominent", "workmate", "household", "former-patient", "acquaintance", "incident"];

/// The files of one hospital.
#[derive(Debug)]
pub(super) struct Hospital {
    files: BTreeMap<&'static str, Sheet>,
}

/// What a file's words for members and data stand for.
pub(super) struct Names<'n> {
    pub member: &'n dyn Fn(&str) -> Result<MemberId, String>,
    pub dataset: &'n dyn Fn(&str) -> Result<DatasetId, String>,
}

impl Hospital {
    /// Files of facts in a folder, without a log.
    pub(super) fn facts_in(dir: &Path) -> Result<Self, LoadError> {
        let mut files = BTreeMap::new();
        for name in ["staff.csv", "patients.csv", "roster.csv", "stays.csv", "care.csv"] {
            files.insert(name, Sheet::read(dir, name)?);
        }
        Ok(Self { files })
    }

    /// The folder's own, or one that is made up by seed from the sample patients in it.
    pub(super) fn read(dir: &Path, seed: u64) -> Result<Self, LoadError> {
        match Sheet::read(dir, "accesses.csv") {
            Ok(log) => {
                let mut hospital = Self::facts_in(dir)?;
                hospital.files.insert("accesses.csv", log);
                Ok(hospital)
            }
            Err(LoadError::Missing(_)) => {
                let files = ward::made_up(dir, seed)
                    .map_err(|failure| LoadError::Stream(failure.message))?;
                Ok(Self::of(files))
            }
            Err(error) => Err(error),
        }
    }

    pub(super) fn of(files: Vec<ward::File>) -> Self {
        let sheet = |(name, header, lines): ward::File| (name, Sheet::of(name, header, lines));
        Self { files: files.into_iter().map(sheet).collect() }
    }

    fn file(&self, name: &'static str) -> Result<&Sheet, LoadError> {
        self.files.get(name).ok_or_else(|| LoadError::Missing(name.into()))
    }

    /// Everything that the files say of relations.
    pub(super) fn facts(&self, names: &Names<'_>) -> Result<RelationFacts, LoadError> {
        let mut units = Units::default();
        let (staff, patients) = (self.file("staff.csv")?, self.file("patients.csv")?);
        let (roster, stays) = (self.file("roster.csv")?, self.file("stays.csv")?);
        let care = self.file("care.csv")?;
        let staff = Lines::new(staff, ["staff", "role", "unit", "house", "street"])?;
        let patients = Lines::new(patients, ["patient", "house", "street", "prominent", "staff"])?;
        let shifts = Lines::new(roster, ["staff", "unit", "from_ms", "until_ms"])?;
        let stays = Lines::new(stays, ["patient", "unit", "from_ms", "until_ms"])?;
        let care = Lines::new(care, ["staff", "patient", "why", "from_ms", "until_ms"])?;
        Ok(RelationFacts {
            staff: staff.each(|at| {
                Ok(StaffFact {
                    member: at.word(0, names.member)?,
                    role: at.parsed(1)?,
                    unit: units.named(at.text(2)),
                    home: at.home(3, 4)?,
                })
            })?,
            patients: patients.each(|at| {
                let staff = at.text(4);
                let works = (!staff.is_empty()).then(|| at.word(4, names.member)).transpose()?;
                Ok(PatientFact {
                    dataset: at.word(0, names.dataset)?,
                    home: at.home(1, 2)?,
                    prominent: at.text(3) == "1",
                    staff: works,
                })
            })?,
            shifts: shifts.each(|at| {
                Ok(ShiftFact {
                    member: at.word(0, names.member)?,
                    unit: units.named(at.text(1)),
                    from: at.time(2)?,
                    until: at.time(3)?,
                })
            })?,
            stays: stays.each(|at| {
                let unit = units.named(at.text(1)).ok_or_else(|| at.odd(1, "a unit is needed"))?;
                let (from, until) = (at.time(2)?, at.time(3)?);
                Ok(StayFact { dataset: at.word(0, names.dataset)?, unit, from, until })
            })?,
            care: care.each(|at| {
                Ok(CareFact {
                    member: at.word(0, names.member)?,
                    dataset: at.word(1, names.dataset)?,
                    tie: at.parsed::<Tie>(2)?,
                    from: at.time(3)?,
                    until: at.time(4)?,
                })
            })?,
            units: units.list,
        })
    }
}

/// Units by name, in the order in which they are met.
#[derive(Default)]
struct Units {
    list: Vec<UnitFact>,
    known: BTreeMap<String, u32>,
}

impl Units {
    fn named(&mut self, name: &str) -> Option<u32> {
        if name.is_empty() {
            return None;
        }
        if let Some(known) = self.known.get(name) {
            return Some(*known);
        }
        let place = match name {
            "emergency-room" => Place::EmergencyRoom,
            "clinic" => Place::Clinic,
            _ => Place::Ward,
        };
        let number = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
        self.list.push(UnitFact { name: name.to_owned(), place });
        self.known.insert(name.to_owned(), number);
        Some(number)
    }
}

/// A file, and those of its columns that are wanted.
struct Lines<'s, const N: usize> {
    sheet: &'s Sheet,
    names: [&'static str; N],
    columns: Vec<&'s [String]>,
}

impl<'s, const N: usize> Lines<'s, N> {
    fn new(sheet: &'s Sheet, names: [&'static str; N]) -> Result<Self, LoadError> {
        let columns = names.iter().map(|name| sheet.column(name)).collect::<Result<_, _>>()?;
        Ok(Self { sheet, names, columns })
    }

    fn each<T>(
        &self,
        mut of: impl FnMut(&Line<'_, 's, N>) -> Result<T, LoadError>,
    ) -> Result<Vec<T>, LoadError> {
        (0..self.sheet.rows()).map(|row| of(&Line { lines: self, row })).collect()
    }
}

/// One line of it.
struct Line<'l, 's, const N: usize> {
    lines: &'l Lines<'s, N>,
    row: usize,
}

impl<'s, const N: usize> Line<'_, 's, N> {
    fn text(&self, at: usize) -> &'s str {
        let cell = self.lines.columns.get(at).and_then(|column| column.get(self.row));
        cell.map_or("", |cell| cell.trim())
    }

    fn odd(&self, at: usize, why: &str) -> LoadError {
        self.lines.sheet.odd(self.row, self.lines.names.get(at).copied().unwrap_or(""), why)
    }

    fn word<T>(&self, at: usize, of: &dyn Fn(&str) -> Result<T, String>) -> Result<T, LoadError> {
        of(self.text(at)).map_err(|why| self.odd(at, &why))
    }

    fn parsed<T: std::str::FromStr>(&self, at: usize) -> Result<T, LoadError>
    where
        T::Err: std::fmt::Display,
    {
        self.text(at).parse().map_err(|error: T::Err| self.odd(at, &error.to_string()))
    }

    fn time(&self, at: usize) -> Result<Timestamp, LoadError> {
        // What has no end goes on.
        match self.text(at) {
            "" => Ok(Timestamp(u64::MAX)),
            _ => Ok(Timestamp(self.parsed(at)?)),
        }
    }

    fn home(&self, house: usize, street: usize) -> Result<Option<Home>, LoadError> {
        if self.text(house).is_empty() {
            return Ok(None);
        }
        Ok(Some(Home { house: self.parsed(house)?, street: self.parsed(street)? }))
    }
}

/// With all features.
pub(crate) fn related(dir: &Path, seed: u64) -> Result<Loaded, LoadError> {
    loaded(dir, seed, |_| true)
}

/// Without those of relations.
pub(crate) fn unrelated(dir: &Path, seed: u64) -> Result<Loaded, LoadError> {
    loaded(dir, seed, |feature| feature < Feature::StaffRole)
}

/// With nothing but the ties.
pub(crate) fn untied(dir: &Path, seed: u64) -> Result<Loaded, LoadError> {
    loaded(dir, seed, |feature| feature == Feature::Ties)
}

fn loaded(dir: &Path, seed: u64, wanted: fn(Feature) -> bool) -> Result<Loaded, LoadError> {
    table(&Hospital::read(dir, seed)?, wanted)
}

fn table(hospital: &Hospital, wanted: fn(Feature) -> bool) -> Result<Loaded, LoadError> {
    let log = hospital.file("accesses.csv")?;
    let labels = log.labels("label", "1")?;
    let mut features: Vec<Input> = inputs(wanted);
    let mut cells = hospital.columns(&features)?;
    // What is the same for all says nothing.
    let differs = |column: &Vec<f64>| {
        column
            .windows(2)
            .any(|pair| pair.first().map(|x| x.to_bits()) != pair.last().map(|x| x.to_bits()))
    };
    let kept: Vec<bool> = cells.iter().map(differs).collect();
    let mut place = 0..;
    features.retain(|_| place.next().and_then(|at: usize| kept.get(at)) == Some(&true));
    let mut place = 0..;
    cells.retain(|_| place.next().and_then(|at: usize| kept.get(at)) == Some(&true));
    let columns: Result<Vec<Column>, _> = features
        .iter()
        .zip(cells)
        .map(|(input, cells)| Column::numeric(&column_name(input), cells))
        .collect();
    let mut loaded = with_column(log, Table::new(columns?, labels)?)?;
    let causes = log.column("cause")?;
    let of = |kinds: &[&str]| -> Vec<bool> {
        causes.iter().map(|cause| kinds.contains(&cause.as_str())).collect()
    };
    let known = of(&KNOWN);
    let new = known.iter().zip(loaded.table.labels()).map(|(known, label)| *label && !known);
    loaded.groups = vec![("unseen types", new.collect())];
    loaded.groups.insert(0, ("known types", known));
    loaded.kinds =
        vec![(Figure::SnoopingPrAuc, of(&SNOOPING)), (Figure::CuriosityPrAuc, of(&CURIOSITY))];
    set_emergencies_aside(&mut loaded, log.column("purpose")?)?;
    Ok(loaded)
}

/// When the glass is broken the owner is told and somebody has to review it, always: nothing is learnt of such uses and none is
/// ranked, and each counts among those that are looked at.
fn set_emergencies_aside(loaded: &mut Loaded, purposes: &[String]) -> Result<(), LoadError> {
    let is = |row: &usize| purposes.get(*row).is_some_and(|own| own == Purpose::Emergency.as_str());
    let (train, test) = (loaded.split.train(), loaded.split.test());
    let (reviewed, ranked): (Vec<usize>, Vec<usize>) = test.iter().copied().partition(is);
    let misuse = |row: &&usize| loaded.table.labels().get(**row) == Some(&true);
    loaded.reviewed = (reviewed.len(), reviewed.iter().filter(misuse).count());
    let train = train.iter().copied().filter(|row| !is(row)).collect();
    loaded.split = Split::new(loaded.table.rows(), train, ranked)?;
    Ok(())
}

/// What trees can ask of these features.
fn inputs(wanted: fn(Feature) -> bool) -> Vec<Input> {
    let mut inputs = Vec::new();
    let wanted = |feature: &Feature| feature.is_for_learning() && wanted(*feature);
    for feature in Feature::ALL.iter().copied().filter(wanted) {
        match feature.kind() {
            FeatureKind::Number { .. } => inputs.push(Input::Number(feature)),
            FeatureKind::Word(list) | FeatureKind::Words(list) => {
                let all = (0..u64::BITS).filter(|word| list.word(*word).is_some());
                inputs.extend(all.map(|word| Input::Word(feature, word)));
            }
            FeatureKind::Text | FeatureKind::Address => {}
        }
    }
    inputs
}

impl Hospital {
    /// The guard's features of each access, judged before it was learnt. Everything went ahead: nobody was there to stop it.
    fn columns(&self, inputs: &[Input]) -> Result<Vec<Vec<f64>>, LoadError> {
        let names = Names { member: &numbered_member, dataset: &numbered_dataset };
        let facts = self.facts(&names)?;
        let relations =
            Relations::new(facts).map_err(|error| LoadError::Stream(error.to_string()))?;
        let mut guard = Guard::new(Model::default());
        guard.set_relations(Arc::new(relations));
        let log = self.file("accesses.csv")?;
        let lines = Lines::new(log, LOOKED_AT)?;
        let mut columns = vec![Vec::with_capacity(log.rows()); inputs.len()];
        lines.each(|at| {
            let event = event(at, &names)?;
            let facts = guard.features(&event);
            guard.observe(&event, Observed::Allowed);
            for (column, input) in columns.iter_mut().zip(inputs) {
                column.push(input.value(&facts).map_or(f64::NAN, |value| value as f64));
            }
            Ok(())
        })?;
        Ok(columns)
    }
}

/// The columns of the log that the guard is told of.
const LOOKED_AT: [&str; 7] =
    ["time_ms", "staff", "patient", "purpose", "records", "categories", "labels"];

fn event<const N: usize>(at: &Line<'_, '_, N>, names: &Names<'_>) -> Result<Event, LoadError> {
    let purpose: Purpose = at.parsed(3)?;
    let words = |column: usize| at.text(column).split_whitespace();
    let categories = words(5).map(str::parse).collect::<Result<_, _>>();
    let labels = words(6).map(str::parse::<Label>).collect::<Result<Labels, _>>();
    Ok(Event {
        requester: at.word(1, names.member)?,
        dataset: at.word(2, names.dataset)?,
        purpose,
        action: Action::Read,
        records: at.parsed(4)?,
        categories: categories
            .map_err(|_unknown| at.odd(5, "one of these is no category of records"))?,
        labels: labels.map_err(|_unknown| at.odd(6, "one of these is no label"))?,
        emergency: purpose == Purpose::Emergency,
        at: at.time(0)?,
        door: "fhir".into(),
        source: None,
        price: None,
        own_key: true,
    })
}

fn numbered_member(text: &str) -> Result<MemberId, String> {
    let mut id = [0; 32];
    for (byte, digit) in id.iter_mut().zip(number(text)?) {
        *byte = digit;
    }
    Ok(MemberId(id))
}

fn numbered_dataset(text: &str) -> Result<DatasetId, String> {
    let mut id = [0; 16];
    for (byte, digit) in id.iter_mut().zip(number(text)?) {
        *byte = digit;
    }
    Ok(DatasetId(id))
}

fn number(text: &str) -> Result<[u8; 8], String> {
    text.parse::<u64>().map(u64::to_be_bytes).map_err(|error| error.to_string())
}
