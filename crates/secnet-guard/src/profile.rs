//! What a member usually does: through which doors, what for, at which hours, and how much in one hour. Far from it, a request
//! that a session key signed is to be proved anew, and no more than that.
//!
//! What the member's own key signs is its own proof, and is what a profile learns anything new from. A session's uses teach it
//! only what it knows, and once an hour: whoever has a stolen session key can neither make anything usual nor push out what is.

mod habit;

use minicbor::{Decode, Encode};
use secnet_types::{Feature, FeatureVector};

use crate::Event;
use crate::features::count;
use crate::window::HOUR_MS;

use habit::broken;
pub(crate) use habit::{BY_OWN_KEY, far};
pub use habit::{Habit, RARE, SHIFT_HOURS};

/// Active hours after which a profile can be established.
pub const LEAST_HOURS: u32 = 40;
/// Different days of use, UTC, after which it can be.
pub const LEAST_DAYS: u32 = 10;
/// Doors, and purposes with their actions, that are remembered of one member; the one used least makes room.
const MAX_NAMES: usize = 8;
/// Sum of a histogram from which on all of it is halved before more is added: habits fade.
const FADE_AT: u32 = 1024;
/// What is proved counts as one in so many of all that is known: one proof is enough for years of habits.
const PROVED_PART: u32 = 32;
/// Powers of two of uses in an hour; the last one is for all that is more.
const PACES: usize = 16;
const HOURS_OF_DAY: usize = 24;

/// What is known of one member's habits. Each is counted once in an hour, however often it shows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
pub(crate) struct Profile {
    /// Days on which something was learnt, and the last of them, counted from 1970.
    #[n(0)]
    days: u32,
    #[n(1)]
    day: u32,
    /// The hour under way, counted from 1970, and the uses in it that were learnt from.
    #[n(2)]
    hour: u32,
    #[n(3)]
    uses: u32,
    /// When the own key last signed a use at an hour unlike the others; 0 for never.
    #[n(4)]
    vouched_ms: u64,
    /// By hour of day, UTC.
    #[n(5)]
    hours: [u16; HOURS_OF_DAY],
    /// Hours by how many uses were in them.
    #[n(6)]
    paces: [u16; PACES],
    #[n(7)]
    doors: Vec<Known>,
    /// Purposes with actions.
    #[n(8)]
    purposes: Vec<Known>,
}

/// Something with a name, in how many hours it was met, and the last of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
struct Known {
    #[n(0)]
    name: u32,
    #[n(1)]
    count: u16,
    #[n(2)]
    hour: u32,
}

/// How much the profile may learn from a use.
#[derive(Debug, Clone, Copy)]
struct Teaching {
    /// Is enough known for anything to be new?
    established: bool,
    /// Is it proved who asks?
    proved: bool,
}

impl Profile {
    fn is_established(&self) -> bool {
        sum(&self.hours) >= LEAST_HOURS && self.days >= LEAST_DAYS
    }

    /// Is it as small as one that was learnt here?
    pub(crate) const fn is_bounded(&self) -> bool {
        self.doors.len() <= MAX_NAMES && self.purposes.len() <= MAX_NAMES
    }

    pub(crate) fn shrink(&mut self) {
        self.doors.shrink_to_fit();
        self.purposes.shrink_to_fit();
    }

    /// Say how a request stands to it.
    pub(crate) fn tell(&self, facts: &mut FeatureVector, event: &Event) {
        count(facts, Feature::ProfileDays, self.days.into());
        if self.is_established() {
            for (feature, value) in self.seen(event) {
                if let Some(value) = value {
                    count(facts, feature, value);
                }
            }
        }
    }

    fn seen(&self, event: &Event) -> [(Feature, Option<u64>); 5] {
        let at = event.at.0;
        let vouched = (self.vouched_ms > 0).then(|| at.abs_diff(self.vouched_ms) / HOUR_MS);
        let hour = hour_of_day(at);
        let near = [hour + HOURS_OF_DAY - 1, hour, hour + 1];
        let near = near.iter().map(|hour| at_bin(&self.hours, hour % HOURS_OF_DAY)).sum();
        // As many, or half as many: twice what is usual is not far.
        let pace = pace(self.uses_in(at).saturating_add(1)).saturating_sub(1);
        [
            (Feature::HoursSinceNewHour, vouched),
            (Feature::ProfileDoorShare, Some(share_of(&self.doors, name_of(&event.door)))),
            (Feature::ProfilePurposeShare, Some(share_of(&self.purposes, purpose_of(event)))),
            (Feature::ProfileHourShare, Some(share(near, sum(&self.hours)))),
            (Feature::ProfilePaceShare, Some(self.share_from(pace))),
        ]
    }

    /// A use was allowed.
    pub(crate) fn learn(&mut self, event: &Event) {
        let established = self.is_established();
        let seen = self.seen(event);
        let value = |feature| seen.iter().find(|(own, _)| *own == feature)?.1;
        let number = |feature| value(feature).and_then(|value| i64::try_from(value).ok());
        let unlike = established && broken(number, event.emergency).next().is_some();
        if unlike && !event.own_key {
            // It went ahead for another reason: an emergency, or the owner's word.
            return;
        }
        let far_from = |habit: Habit| established && habit.is_broken(&number, event.emergency);
        let (new_hour, new_pace) = (far_from(Habit::Hour), far_from(Habit::Pace));
        let vouched =
            value(Feature::HoursSinceNewHour).is_some_and(|hours| hours < SHIFT_HOURS.into());
        let at = event.at.0;
        self.turn(at, established);
        let teaching = Teaching { established, proved: event.own_key };
        if self.uses == 0 {
            // Whoever has proved a new hour stays for a shift.
            let teaching = Teaching { proved: event.own_key || vouched, ..teaching };
            let hour = hour_of_day(at);
            let known = at_bin(&self.hours, hour);
            let weight = teaching.weight(known, sum(&self.hours));
            add(&mut self.hours, hour, weight);
        }
        if new_hour {
            self.vouched_ms = at;
        }
        meet(&mut self.doors, name_of(&event.door), self.hour, teaching);
        meet(&mut self.purposes, purpose_of(event), self.hour, teaching);
        self.uses = self.uses.saturating_add(1);
        if new_pace {
            let weight = teaching.weight(0, sum(&self.paces));
            add(&mut self.paces, pace(self.uses), weight);
        }
    }

    /// If an hour is over, learn how much was in it: no more than was usual, or was proved.
    fn turn(&mut self, at_ms: u64, established: bool) {
        let hour = hour_from_1970(at_ms);
        if hour != self.hour && self.uses > 0 {
            let paces = (0..=pace(self.uses)).rev();
            let known = |pace: &usize| !established || self.share_from(*pace) >= RARE.into();
            let pace = paces.into_iter().find(known).unwrap_or_default();
            add(&mut self.paces, pace, 1);
            self.uses = 0;
        }
        self.hour = hour;
        let day = hour / 24;
        if day != self.day {
            self.day = day;
            self.days = self.days.saturating_add(1);
        }
    }

    /// Learnt uses in the hour of a moment.
    fn uses_in(&self, at_ms: u64) -> u32 {
        if hour_from_1970(at_ms) == self.hour { self.uses } else { 0 }
    }

    /// Basis points of the hours in which there was as much, or more.
    fn share_from(&self, pace: usize) -> u64 {
        let as_many = self.paces.iter().skip(pace).map(|count| u32::from(*count)).sum();
        share(as_many, sum(&self.paces))
    }
}

impl Teaching {
    /// How much one more counts of what was met so often, beside all that is known.
    fn weight(self, known: u32, all: u32) -> u32 {
        match self {
            Self { established: true, .. } if share(known, all) >= RARE.into() => 1,
            Self { established: true, proved: true } => (all / PROVED_PART).max(1),
            Self { established: true, proved: false } => 0,
            Self { established: false, .. } => 1,
        }
    }
}

/// Something was met in this hour.
fn meet(known: &mut Vec<Known>, name: u32, hour: u32, teaching: Teaching) {
    let all = known.iter().map(|own| u32::from(own.count)).sum();
    let found = known.iter_mut().find(|own| own.name == name);
    let weight = teaching.weight(found.as_ref().map_or(0, |own| own.count.into()), all);
    if weight == 0 {
        return;
    }
    match found {
        Some(own) if own.hour == hour && weight == 1 => return,
        Some(own) => (own.count, own.hour) = (grown(own.count, weight), hour),
        None => {
            if known.len() >= MAX_NAMES
                && let Some(least) = (0..).zip(known.iter()).min_by_key(|(_, own)| own.count)
            {
                known.remove(least.0);
            }
            known.reserve_exact(1);
            known.push(Known { name, count: grown(0, weight), hour });
        }
    }
    if all.saturating_add(weight) >= FADE_AT {
        known.iter_mut().for_each(|own| own.count /= 2);
        known.retain(|own| own.count > 0);
    }
}

fn share_of(known: &[Known], name: u32) -> u64 {
    let all = known.iter().map(|own| u32::from(own.count)).sum();
    let own = known.iter().find(|own| own.name == name);
    share(own.map_or(0, |own| own.count.into()), all)
}

/// Basis points.
fn share(part: u32, whole: u32) -> u64 {
    u64::from(part) * 10_000 / u64::from(whole.max(1))
}

fn sum(bins: &[u16]) -> u32 {
    bins.iter().map(|count| u32::from(*count)).sum()
}

fn at_bin(bins: &[u16], bin: usize) -> u32 {
    bins.get(bin).copied().unwrap_or(0).into()
}

fn add(bins: &mut [u16], bin: usize, weight: u32) {
    if let Some(count) = bins.get_mut(bin) {
        *count = grown(*count, weight);
    }
    if sum(bins) >= FADE_AT {
        bins.iter_mut().for_each(|count| *count /= 2);
    }
}

fn grown(count: u16, weight: u32) -> u16 {
    count.saturating_add(u16::try_from(weight).unwrap_or(u16::MAX))
}

/// The power of two of uses in an hour.
fn pace(uses: u32) -> usize {
    usize::try_from(uses.max(1).ilog2()).unwrap_or(PACES).min(PACES - 1)
}

fn hour_from_1970(at_ms: u64) -> u32 {
    u32::try_from(at_ms / HOUR_MS).unwrap_or(u32::MAX)
}

fn hour_of_day(at_ms: u64) -> usize {
    usize::try_from(at_ms / HOUR_MS % 24).unwrap_or_default()
}

fn purpose_of(event: &Event) -> u32 {
    event.purpose.number() << 8 | event.action.number()
}

/// Doors are a few short words: FNV-1a keeps them apart.
fn name_of(door: &str) -> u32 {
    door.bytes()
        .fold(0x811c_9dc5, |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
