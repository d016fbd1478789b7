//! Block time never falls, so one wrong reading of the clock would stay: with a clock at 2099 for half a second, every
//! grant and session would end, and every command be expired until 2099. A reading is believed when it fits the one
//! before; after a jump, when the clock has kept to the new time for a while, as after a machine's sleep.

use std::time::{Duration, Instant};

use secnet_types::Timestamp;

/// How far a clock may run from the machine's monotonic one between two readings: corrections are smaller.
const MAX_JUMP_MS: u64 = 60_000;
/// How long a clock must keep to its time after a jump.
const SETTLE: Duration = Duration::from_secs(10);

/// The clock jumped and has not settled yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "this machine's clock jumped by {by_ms} ms; the ledger waits until it is steady, check the clock if that does not end"
)]
pub(crate) struct ClockJump {
    /// How far.
    by_ms: u64,
}

#[derive(Debug, Clone, Copy)]
struct Reading {
    at: Instant,
    time: Timestamp,
}

impl Reading {
    /// How far the other reading is from what this one leads to expect.
    fn off_ms(self, other: Self) -> u64 {
        let passed = other.at.saturating_duration_since(self.at).as_millis();
        let expected = self.time.plus_ms(u64::try_from(passed).unwrap_or(u64::MAX));
        expected.0.abs_diff(other.time.0)
    }
}

/// Decides which readings of a clock are believed.
#[derive(Debug, Default)]
pub(crate) struct SteadyClock {
    believed: Option<Reading>,
    /// The first reading after a jump.
    jumped: Option<Reading>,
}

impl SteadyClock {
    /// Takes a reading.
    pub(crate) fn believe(&mut self, at: Instant, time: Timestamp) -> Result<Timestamp, ClockJump> {
        let reading = Reading { at, time };
        let off_ms = self.believed.map_or(0, |believed| believed.off_ms(reading));
        if off_ms > MAX_JUMP_MS {
            let since = *self.jumped.get_or_insert(reading);
            if since.off_ms(reading) > MAX_JUMP_MS {
                self.jumped = Some(reading);
            }
            if self.jumped.is_none_or(|since| at.saturating_duration_since(since.at) < SETTLE) {
                return Err(ClockJump { by_ms: off_ms });
            }
        }
        self.jumped = None;
        self.believed = Some(reading);
        Ok(time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp(1_800_000_000_000);
    const DAY_MS: u64 = 24 * 60 * 60 * 1000;

    /// What becomes of readings: (seconds passed, milliseconds that the clock is ahead).
    fn believed(readings: &[(u64, u64)]) -> Vec<bool> {
        let (began, mut clock) = (Instant::now(), SteadyClock::default());
        readings
            .iter()
            .map(|(seconds, ahead)| {
                let at = began + Duration::from_secs(*seconds);
                clock.believe(at, START.plus_ms(seconds * 1000 + ahead)).is_ok()
            })
            .collect()
    }

    #[test]
    fn a_single_wrong_reading_is_not_believed() {
        assert_eq!(believed(&[(0, 0), (1, 70 * 365 * DAY_MS), (2, 0)]), [true, false, true]);
    }

    #[test]
    fn a_clock_that_keeps_to_its_new_time_is_believed_in_the_end() {
        let night = 8 * 60 * 60 * 1000;
        let readings = [(0, 0), (1, night), (6, night), (10, night), (11, night), (12, night)];
        assert_eq!(believed(&readings), [true, false, false, false, true, true]);
    }

    #[test]
    fn a_clock_that_goes_on_jumping_is_not_believed() {
        let readings = [(0, 0), (6, DAY_MS), (12, 2 * DAY_MS), (18, 3 * DAY_MS), (24, 0)];
        assert_eq!(believed(&readings), [true, false, false, false, true]);
    }

    #[test]
    fn corrections_are_no_jumps() {
        assert_eq!(believed(&[(0, 0), (1, 30_000), (2, 0), (3600, 50_000)]), [true; 4]);
    }

    #[test]
    fn a_step_back_must_settle_too() {
        let readings = [(0, DAY_MS), (1, 0), (12, 0)];
        assert_eq!(believed(&readings), [true, false, true]);
    }
}
