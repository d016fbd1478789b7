//! Days and moments as people write them.

use core::str::FromStr;

use secnet_types::{Timestamp, Window};

use crate::failure::{Exit, Failure};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// A moment: `2026-03-31`, which is its first moment, or `2026-03-31T12:00:00Z`; always UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    at: Timestamp,
    is_day: bool,
}

/// Why a text is no moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "write a day such as 2026-03-31, or a moment such as 2026-03-31T12:00:00Z; not before 1970"
)]
pub(crate) struct NoMoment;

impl Moment {
    pub(crate) fn start(self) -> Timestamp {
        self.at
    }

    /// The first moment after it: a day is meant with its last moment.
    pub(crate) fn end(self) -> Timestamp {
        if self.is_day { self.at.plus_ms(DAY_MS) } else { self.at }
    }
}

impl FromStr for Moment {
    type Err = NoMoment;

    fn from_str(text: &str) -> Result<Self, NoMoment> {
        let (day, time) = match text.split_once('T') {
            Some((day, time)) => (day, Some(time.strip_suffix('Z').ok_or(NoMoment)?)),
            None => (text, None),
        };
        let [year, month, day] = numbers(day, '-', [4, 2, 2])?;
        let days = days_since_1970(year, month, day).ok_or(NoMoment)?;
        let [hour, minute, second] = time.map_or(Ok([0; 3]), |t| numbers(t, ':', [2, 2, 2]))?;
        if hour > 23 || minute > 59 || second > 59 {
            return Err(NoMoment);
        }
        let ms = days * DAY_MS + ((hour * 60 + minute) * 60 + second) * 1000;
        Ok(Self { at: Timestamp(ms), is_day: time.is_none() })
    }
}

fn numbers(text: &str, between: char, lengths: [usize; 3]) -> Result<[u64; 3], NoMoment> {
    let parts: Vec<&str> = text.split(between).collect();
    let parts: [&str; 3] = parts.try_into().map_err(|_| NoMoment)?;
    let mut found = [0; 3];
    for ((to, part), length) in found.iter_mut().zip(parts).zip(lengths) {
        if part.len() != length || !part.bytes().all(|b| b.is_ascii_digit()) {
            return Err(NoMoment);
        }
        *to = part.parse().map_err(|_| NoMoment)?;
    }
    Ok(found)
}

/// Days since 1970-01-01 (after Howard Hinnant's `days_from_civil`); none before it or for no day of the calendar.
fn days_since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let longest = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => return None,
    };
    if day < 1 || day > longest || year < 1970 {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    (era * 146_097 + days).checked_sub(719_468)
}

/// The window that two of these span; what is not named is open.
pub(crate) fn span(from: Option<Moment>, until: Option<Moment>) -> Result<Window, Failure> {
    let window = Window {
        from: from.map_or(Window::ALWAYS.from, Moment::start),
        until: until.map_or(Window::ALWAYS.until, Moment::end),
    };
    if window.is_empty() {
        return Err(Failure::new("usage", "the time ends before it begins")
            .hint("check both days")
            .exit(Exit::Usage));
    }
    Ok(window)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_what_is_printed() {
        for text in ["1970-01-01", "2000-02-29", "2026-11-25", "2100-12-31", "9999-12-31"] {
            let moment: Moment = text.parse().unwrap();
            assert_eq!(moment.start().to_string(), format!("{text}T00:00:00Z"));
            assert_eq!(moment.end().since_ms(moment.start()), DAY_MS);
        }
        let moment: Moment = "2026-11-25T23:59:58Z".parse().unwrap();
        assert_eq!(moment.end().to_string(), "2026-11-25T23:59:58Z");
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in [
            "",
            "2026",
            "2026-02-29",
            "2026-13-01",
            "2026-00-10",
            "1969-12-31",
            "2026-1-01",
            "2026-01-01T",
            "2026-01-01T24:00:00Z",
            "2026-01-01T12:00:00",
            "+026-01-01",
        ] {
            assert!(text.parse::<Moment>().is_err(), "{text}");
        }
    }
}
