//! The time that a record is about.
//!
//! FHIR dates may stop at the year, month, day or second. Each widens to all of the time it can
//! mean, so that a grant for 2015 covers a record dated `2015` and one dated `2015-03-01T10:00:00Z`.
//! A date without a time zone is taken as UTC.

use crate::error::{Problem, quote};
use crate::json::{Json, member, text};

/// A closed range of time: milliseconds since 1970-01-01T00:00:00Z, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period {
    /// First millisecond, or [`Period::OPEN_START`].
    pub start_ms: i64,
    /// Last millisecond, never before the first, or [`Period::OPEN_END`].
    pub end_ms: i64,
}

impl Period {
    /// The start of a period that gives only its end.
    pub const OPEN_START: i64 = i64::MIN;
    /// The end of a period that has not ended.
    pub const OPEN_END: i64 = i64::MAX;

    /// All of the time that a FHIR `date`, `dateTime` or `instant` can mean.
    ///
    /// `None` when it is not one, or names a day the calendar does not have.
    #[must_use]
    pub fn from_date(text: &str) -> Option<Self> {
        let (date, time) = match text.split_once('T') {
            Some((date, time)) => (date, Some(time)),
            None => (text, None),
        };
        let mut parts = date.split('-');
        let year = digits(parts.next()?, 4)?;
        let month =
            parts.next().map(|month| digits(month, 2)).map_or(Some(None), |m| m.map(Some))?;
        let day = parts.next().map(|day| digits(day, 2)).map_or(Some(None), |d| d.map(Some))?;
        if parts.next().is_some() || year == 0 {
            return None;
        }
        match (month, day, time) {
            (None, None, None) => {
                Self::days(day_number(year, 1, 1)?, day_number(year.checked_add(1)?, 1, 1)?)
            }
            (Some(month), None, None) => {
                let (next_year, next_month) = if month == 12 {
                    (year.checked_add(1)?, 1)
                } else {
                    (year, month.checked_add(1)?)
                };
                Self::days(day_number(year, month, 1)?, day_number(next_year, next_month, 1)?)
            }
            (Some(month), Some(day), None) => {
                let first = day_number(year, month, day)?;
                Self::days(first, first.checked_add(1)?)
            }
            (Some(month), Some(day), Some(time)) => {
                let (from_midnight, width) = time_of_day(time)?;
                let start_ms = day_number(year, month, day)?
                    .checked_mul(DAY_MS)?
                    .checked_add(from_midnight)?;
                Some(Self { start_ms, end_ms: start_ms.checked_add(width)? })
            }
            _ => None,
        }
    }

    /// Whether any millisecond is in both.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.start_ms <= other.end_ms && other.start_ms <= self.end_ms
    }

    /// Whether every millisecond of `other` is in this one.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        self.start_ms <= other.start_ms && other.end_ms <= self.end_ms
    }

    /// From the first millisecond of day `first` to the last before day `end`.
    fn days(first: i64, end: i64) -> Option<Self> {
        Some(Self {
            start_ms: first.checked_mul(DAY_MS)?,
            end_ms: end.checked_mul(DAY_MS)?.checked_sub(1)?,
        })
    }
}

/// The data time of a parsed resource, by the first of [`ELEMENTS`] that it has.
///
/// A Condition or allergy runs from its onset to its abatement when both are told.
pub(crate) fn of(type_name: &str, resource: &Json<'_>) -> Result<Option<Period>, Problem> {
    let Some((element, value)) =
        ELEMENTS.iter().find_map(|element| Some((*element, member(resource, element)?)))
    else {
        return Ok(None);
    };
    let path = format!("{type_name}.{element}");
    let mut period = match value {
        Json::Object(_) => match of_period(&path, value)? {
            Some(period) => period,
            None => return Ok(None),
        },
        Json::String(date) => of_date(&path, date)?,
        _ => return Ok(None),
    };
    if let ("onsetDateTime", Some(abated)) = (element, text(resource, "abatementDateTime")) {
        let end_ms = of_date(&format!("{type_name}.abatementDateTime"), abated)?.end_ms;
        period.end_ms = period.end_ms.max(end_ms);
    }
    Ok(Some(period))
}

/// Where resources say when, the most telling first. Patients and organisations have no data time.
const ELEMENTS: [&str; 21] = [
    "effectiveDateTime",
    "effectivePeriod",
    "effectiveInstant",
    "onsetDateTime",
    "onsetPeriod",
    "performedDateTime",
    "performedPeriod",
    "occurrenceDateTime",
    "occurrencePeriod",
    "period",
    "started",
    "start",
    "billablePeriod",
    "startDate",
    "authoredOn",
    "authored",
    "date",
    "created",
    "issued",
    "recordedDate",
    "recorded",
];

const DAY_MS: i64 = 86_400_000;

fn of_date(path: &str, date: &str) -> Result<Period, Problem> {
    Period::from_date(date).ok_or_else(|| {
        Problem::invalid(path, &format!("`{}` is not a day of the calendar", quote(date)))
    })
}

fn of_period(path: &str, value: &Json<'_>) -> Result<Option<Period>, Problem> {
    let end = |key: &str| {
        text(value, key).map(|date| of_date(&format!("{path}.{key}"), date)).transpose()
    };
    let (start, end) = (end("start")?, end("end")?);
    if start.is_none() && end.is_none() {
        return Ok(None);
    }
    let start_ms = start.map_or(Period::OPEN_START, |start| start.start_ms);
    let end_ms = end.map_or(Period::OPEN_END, |end| end.end_ms);
    if start_ms > end_ms {
        return Err(Problem::invalid(path, "the period ends before it starts"));
    }
    Ok(Some(Period { start_ms, end_ms }))
}

/// Exactly `width` ASCII digits.
fn digits(text: &str, width: usize) -> Option<i64> {
    if text.len() != width || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// Days from 1970-01-01 to a day of the Gregorian calendar, by counting years from March so that
/// the leap day comes last.
fn day_number(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    let (march_year, march_month) =
        if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let before_year = march_year * 365 + march_year.div_euclid(4) - march_year.div_euclid(100)
        + march_year.div_euclid(400);
    let in_year = (153 * march_month + 2) / 5 + day - 1;
    Some(before_year + in_year - DAYS_TO_1970)
}

/// Days from 0000-03-01 to 1970-01-01.
const DAYS_TO_1970: i64 = 719_468;

/// `hh:mm:ss(.fff)` and a zone: milliseconds after UTC midnight of the date, and how many further
/// milliseconds the text can mean.
fn time_of_day(text: &str) -> Option<(i64, i64)> {
    let zone_at = text.find(['Z', '+', '-'])?;
    let (clock, zone) = text.split_at_checked(zone_at)?;
    let (clock, fraction) = match clock.split_once('.') {
        Some((clock, fraction)) => (clock, Some(fraction)),
        None => (clock, None),
    };
    let mut parts = clock.split(':');
    let hour = digits(parts.next()?, 2).filter(|hour| *hour < 24)?;
    let minute = digits(parts.next()?, 2).filter(|minute| *minute < 60)?;
    // 60 is a leap second.
    let second = digits(parts.next()?, 2).filter(|second| *second <= 60)?;
    if parts.next().is_some() {
        return None;
    }
    let (ms, width) = match fraction {
        None => (0, 999),
        Some(fraction) => milliseconds(fraction)?,
    };
    let local = ((hour * 60 + minute) * 60 + second) * 1000 + ms;
    Some((local - zone_offset(zone)?, width))
}

/// A decimal fraction of a second; digits after the third are dropped.
fn milliseconds(fraction: &str) -> Option<(i64, i64)> {
    if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let mut ms = 0i64;
    let mut unit = 100i64;
    for byte in fraction.bytes().take(3) {
        ms += i64::from(byte - b'0') * unit;
        unit /= 10;
    }
    // `.5` means from .500 to .599.
    let width = match fraction.len() {
        1 => 99,
        2 => 9,
        _ => 0,
    };
    Some((ms, width))
}

/// `Z`, `+hh:mm` or `-hh:mm`, in milliseconds east of UTC.
fn zone_offset(zone: &str) -> Option<i64> {
    let (sign, rest) = match zone.split_at_checked(1)? {
        ("Z", "") => return Some(0),
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let hours = digits(hours, 2).filter(|hours| *hours <= 14)?;
    let minutes = digits(minutes, 2).filter(|minutes| *minutes < 60)?;
    Some(sign * (hours * 60 + minutes) * 60_000)
}

#[cfg(test)]
mod tests;
