//! The evidence card of a rule that was learnt here. It has counts and digests only: whoever buys the rule may read it.

use secnet_types::Digest;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What stands for a rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Card {
    pub rule: String,
    pub sentence: String,
    pub learnt_at: String,
    pub expires: String,
    pub data: Data,
    pub evidence: Counted,
    pub past: Met,
    /// What it was checked against, and passed.
    pub safety: Vec<String>,
}

/// What it was learnt from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Data {
    /// Of the table: features and labels.
    pub digest: String,
    pub requests: usize,
    pub misuse: usize,
    pub said_fine: usize,
    /// They went ahead and nobody said anything.
    pub presumed_fine: usize,
    pub from: String,
    pub until: String,
}

/// What it does to the newest requests, which it was not learnt from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Counted {
    pub requests: usize,
    pub misuse: usize,
    pub hits: usize,
    pub false_positives: usize,
    pub precision: f64,
    /// With 95 % confidence, if requests were independent of each other.
    pub precision_at_least: f64,
    pub recall: f64,
    pub false_positive_rate_at_most: f64,
    /// Share of the requests that it stops.
    pub coverage: f64,
}

/// What it would have done to requests that went ahead.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Met {
    pub days: u64,
    pub requests: usize,
    pub would_stop: usize,
    pub objected_to: usize,
    pub requesters: usize,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    card: Card,
    digest: String,
}

impl Card {
    /// What is kept and committed to.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        // INVARIANT: it has string keys and finite numbers.
        serde_json::to_vec(self).unwrap_or_default()
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, &'static str> {
        let card: Self = serde_json::from_slice(bytes).map_err(|_| "it is no card")?;
        if card.to_bytes() == bytes { Ok(card) } else { Err("it was changed") }
    }

    pub(super) fn digest(&self) -> Digest {
        Digest::of(&self.to_bytes())
    }

    /// As a file: with its digest, so that a change is seen.
    pub(super) fn to_file(&self) -> String {
        let sealed = Sealed { card: self.clone(), digest: self.digest().to_string() };
        let mut text = serde_json::to_string_pretty(&sealed).unwrap_or_default();
        text.push('\n');
        text
    }

    pub(super) fn of_file(text: &str) -> Result<Self, &'static str> {
        let sealed: Sealed = serde_json::from_str(text).map_err(|_| "it is no card")?;
        if sealed.card.digest().to_string() == sealed.digest {
            Ok(sealed.card)
        } else {
            Err("it was changed after it was written")
        }
    }

    pub(crate) fn value(&self) -> Value {
        serde_json::to_value(self).unwrap_or_else(|_| json!(null))
    }

    /// The lines of the card.
    pub(crate) fn text(&self) -> Vec<String> {
        let (data, of, past) = (&self.data, &self.evidence, &self.past);
        vec![
            format!(
                "learnt from {} requests of {} to {}: {} misuse, {} said to be fine, {} presumed to be",
                data.requests,
                day(&data.from),
                day(&data.until),
                data.misuse,
                data.said_fine,
                data.presumed_fine
            ),
            format!(
                "tried on the newest {}, which it was not learnt from: {} of {} misuse stopped, {} false alarms",
                of.requests, of.hits, of.misuse, of.false_positives
            ),
            format!(
                "precision at least {:.2} (95 % confidence), recall {:.2}, false alarms at most {:.2} of the rest, coverage {:.2}",
                down(of.precision_at_least),
                of.recall,
                up(of.false_positive_rate_at_most),
                of.coverage
            ),
            format!(
                "in the past {} days it would have stopped {} of {} that went ahead, of {}; {} of them were objected to",
                past.days,
                past.would_stop,
                past.requests,
                crate::show::count(past.requesters, "requester"),
                past.objected_to
            ),
            format!("safe: {}", self.safety.join("; ")),
            format!("ends {}, data {}", day(&self.expires), self.data.digest),
        ]
    }
}

/// Two digits of a bound, not rounded in its own favour.
fn down(share: f64) -> f64 {
    (share * 100.0).floor() / 100.0
}

fn up(share: f64) -> f64 {
    (share * 100.0).ceil() / 100.0
}

fn day(time: &str) -> &str {
    time.split('T').next().unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card() -> Card {
        Card {
            rule: "r".into(),
            sentence: "s".into(),
            learnt_at: "2026-11-26T20:00:00Z".into(),
            expires: "2027-02-24T00:00:00Z".into(),
            data: Data {
                digest: "d".into(),
                requests: 60,
                misuse: 40,
                said_fine: 1,
                presumed_fine: 19,
                from: "2026-11-26T19:00:00Z".into(),
                until: "2026-11-26T19:05:00Z".into(),
            },
            evidence: Counted {
                requests: 24,
                misuse: 16,
                hits: 15,
                false_positives: 1,
                precision: 0.9375,
                precision_at_least: 0.7457,
                recall: 0.9375,
                false_positive_rate_at_most: 0.4709,
                coverage: 0.6667,
            },
            past: Met { days: 30, requests: 59, would_stop: 36, objected_to: 36, requesters: 1 },
            safety: vec!["no owner".into()],
        }
    }

    #[test]
    fn a_card_comes_back_as_it_was_written_and_shows_each_flipped_byte() {
        let card = card();
        let file = card.to_file();
        assert_eq!(Card::of_file(&file), Ok(card.clone()));
        assert_eq!(Card::from_bytes(&card.to_bytes()), Ok(card.clone()));
        for at in 0..file.len() {
            let mut bytes = file.clone().into_bytes();
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1;
            }
            let Ok(text) = String::from_utf8(bytes) else { continue };
            match Card::of_file(&text) {
                Err(_) => {}
                // Spaces between fields say nothing.
                Ok(same) => assert_eq!(same, card, "byte {at}"),
            }
        }
    }
}
