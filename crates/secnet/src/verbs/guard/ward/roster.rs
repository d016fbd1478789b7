//! Who is on duty, and what the roster says, which is not always the same.

use std::collections::BTreeMap;

use super::dice::Dice;
use super::people::{CLINIC, EMERGENCY_ROOM, Role, Staff, WARDS};

pub(super) const MINUTE: u64 = 60;
pub(super) const HOUR: u64 = 60 * MINUTE;
pub(super) const DAY: u64 = 24 * HOUR;
/// Somebody else of the same kind works instead, and the roster is not changed.
const SWAPPED: u64 = 600;
/// Somebody comes in addition, and the roster does not say so.
const CAME_IN: u64 = 300;
/// A float nurse is sent elsewhere than the roster says.
const SENT_ELSEWHERE: u64 = 2_000;
/// A doctor on night duty covers a second ward, as the roster says or does not say.
const COVER_IN_ROSTER: u64 = 5_000;

/// Somebody somewhere for some hours; seconds since the first day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shift {
    pub staff: u32,
    /// None for those who go everywhere.
    pub unit: Option<u8>,
    pub from: u64,
    pub until: u64,
}

/// The roster as it is written, and who was there.
#[derive(Debug, Default)]
pub(super) struct Roster {
    pub written: Vec<Shift>,
    pub worked: Vec<Shift>,
    /// Places in `worked`, by unit and each day it touches.
    here: BTreeMap<(Option<u8>, u64), Vec<usize>>,
    /// The same by member of staff.
    by_staff: BTreeMap<u32, Vec<usize>>,
}

/// From which hour to which.
type Hours = (u64, u64);
const EARLY: Hours = (7 * HOUR, 15 * HOUR + 30 * MINUTE);
const LATE: Hours = (15 * HOUR, 23 * HOUR);
const NIGHT: Hours = (22 * HOUR + 30 * MINUTE, 31 * HOUR + 30 * MINUTE);
const OFFICE: Hours = (8 * HOUR, 17 * HOUR);
const WARD_DOCTOR: Hours = (8 * HOUR, 18 * HOUR);
const ON_CALL: Hours = (17 * HOUR + 30 * MINUTE, 32 * HOUR + 30 * MINUTE);

/// The first day is a Monday.
const fn is_weekend(day: u64) -> bool {
    day % 7 >= 5
}

/// When the `number`-th of a team works on a day.
fn hours(staff: &Staff, number: u64, day: u64) -> Option<Hours> {
    let around_the_clock =
        matches!(staff.role, Role::Nurse | Role::Float) || staff.unit == Some(EMERGENCY_ROOM);
    if staff.unit == Some(CLINIC) {
        return (!is_weekend(day)).then_some(OFFICE);
    }
    if around_the_clock {
        return match (day + number) % 10 {
            0 | 1 => Some(EARLY),
            2 | 3 => Some(LATE),
            4 | 5 => Some(NIGHT),
            _ => None,
        };
    }
    match staff.role {
        Role::Doctor => match (day + 2 * number) % 10 {
            0 => Some(ON_CALL),
            1 => None,
            _ if is_weekend(day) => (day / 7 + number).is_multiple_of(5).then_some(WARD_DOCTOR),
            _ => Some(WARD_DOCTOR),
        },
        _ => (!is_weekend(day)).then_some(OFFICE),
    }
}

impl Roster {
    pub(super) fn new(seed: u64, days: u64, staff: &[Staff]) -> Self {
        let mut dice = Dice::new(seed, 2);
        let mut roster = Self::default();
        let mut team: BTreeMap<(Role, Option<u8>), Vec<u32>> = BTreeMap::new();
        for (id, own) in (0..).zip(staff) {
            team.entry((own.role, own.unit)).or_default().push(id);
        }
        for day in 0..days {
            for ((role, unit), members) in &team {
                for (number, id) in (0..).zip(members) {
                    let Some(own) = staff.get(usize::try_from(*id).unwrap_or(0)) else { continue };
                    let Some((from, until)) = hours(own, number, day) else { continue };
                    let unit = match role {
                        Role::Float => u8::try_from(dice.below(WARDS.into())).ok(),
                        _ => *unit,
                    };
                    let (from, until) = (day * DAY + from, day * DAY + until);
                    roster.day(
                        &mut dice,
                        Shift { staff: *id, unit, from, until },
                        (*role, members),
                    );
                }
            }
        }
        roster.worked.sort_by_key(|shift| (shift.from, shift.staff));
        roster.written.sort_by_key(|shift| (shift.from, shift.staff));
        for (place, shift) in roster.worked.iter().enumerate() {
            for day in shift.from / DAY..=shift.until / DAY {
                roster.here.entry((shift.unit, day)).or_default().push(place);
            }
            roster.by_staff.entry(shift.staff).or_default().push(place);
        }
        roster
    }

    /// One shift: as it is written, and as it comes.
    fn day(&mut self, dice: &mut Dice, shift: Shift, (role, team): (Role, &[u32])) {
        self.written.push(shift);
        let mut worked = shift;
        if dice.comes(SWAPPED) {
            worked.staff = dice.of(team).unwrap_or(shift.staff);
        }
        if role == Role::Float && dice.comes(SENT_ELSEWHERE) {
            worked.unit = u8::try_from(dice.below(WARDS.into())).ok();
        }
        self.worked.push(worked);
        let is_on_call = role == Role::Doctor && shift.until - shift.from > 12 * HOUR;
        if let (true, Some(unit)) = (is_on_call, shift.unit.filter(|unit| *unit < WARDS)) {
            let second = Shift { unit: Some(unit ^ 1), ..worked };
            self.worked.push(second);
            if dice.comes(COVER_IN_ROSTER) {
                self.written.push(Shift { unit: second.unit, ..shift });
            }
        }
        if dice.comes(CAME_IN) {
            let staff = dice.of(team).unwrap_or(shift.staff);
            self.worked.push(Shift { staff, ..shift });
        }
    }

    /// Who is there at that time, with one of these roles.
    pub(super) fn there<'r>(
        &'r self,
        staff: &[Staff],
        unit: Option<u8>,
        at: u64,
        roles: &[Role],
    ) -> Vec<&'r Shift> {
        let places = self.here.get(&(unit, at / DAY)).map_or(&[][..], Vec::as_slice);
        let shifts = places.iter().filter_map(|place| self.worked.get(*place));
        let fits = |shift: &&Shift| {
            let own = usize::try_from(shift.staff).ok().and_then(|place| staff.get(place));
            (shift.from..shift.until).contains(&at)
                && own.is_some_and(|own| roles.contains(&own.role))
        };
        shifts.filter(fits).collect()
    }

    /// The shifts that somebody worked, oldest first.
    pub(super) fn of(&self, staff: u32) -> Vec<&Shift> {
        let places = self.by_staff.get(&staff).map_or(&[][..], Vec::as_slice);
        places.iter().filter_map(|place| self.worked.get(*place)).collect()
    }
}
