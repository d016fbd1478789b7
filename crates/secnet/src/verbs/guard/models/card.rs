//! A model's card as people and programs read it.

use secnet_guard::Learnt;
use secnet_types::Timestamp;
use serde_json::{Value, json};

use crate::show;

fn share(points: u16) -> f64 {
    f64::from(points) / 10_000.0
}

fn interval((low, high): (u16, u16)) -> Value {
    json!([share(low), share(high)])
}

/// Log odds of a score.
fn odds(points: i64) -> f64 {
    // Four digits say enough; the file has all of them.
    (points as f64 / 100.0).round() / 10_000.0
}

pub(super) fn value(learnt: &Learnt) -> Value {
    let parts = learnt.parts();
    let (from, of, past) = (&parts.card.from, &parts.card.held_back, &parts.card.past);
    let features: Vec<&str> = learnt.features().map(secnet_types::Feature::name).collect();
    json!({
        "model": learnt.digest().to_string(),
        "learnt_at": parts.card.at.to_string(),
        "expires": parts.expires.to_string(),
        "features": features,
        "trees": parts.trees.len(),
        "hold_at": odds(parts.hold_at),
        "data": {
            "digest": from.data.to_string(), "requests": from.requests, "misuse": from.misuse,
            "said_fine": from.said_fine, "presumed_fine": from.presumed_fine,
            "from": from.oldest.to_string(), "until": from.newest.to_string(),
        },
        "held_back": {
            "misuse_since": of.misuse_since.to_string(), "others_since": of.others_since.to_string(),
            "hits": of.hits, "misses": of.misses, "false_positives": of.false_alarms, "passes": of.passes,
            "precision": interval(of.precision), "recall": interval(of.recall),
            "false_positive_rate": interval(of.false_positive_rate),
        },
        "past": {
            "days": past.days, "requests": past.requests, "would_hold": past.would_hold,
            "objected_to": past.objected_to, "requesters": past.requesters,
        },
    })
}

pub(super) fn text(learnt: &Learnt) -> Vec<String> {
    let parts = learnt.parts();
    let (from, of, past) = (&parts.card.from, &parts.card.held_back, &parts.card.past);
    let features: Vec<&str> = learnt.features().map(secnet_types::Feature::name).collect();
    vec![
        format!("model {}", learnt.digest()),
        format!(
            "learnt from {} requests of {} to {}: {} misuse, {} said to be fine, {} presumed to be",
            from.requests,
            day(from.oldest),
            day(from.newest),
            from.misuse,
            from.said_fine,
            from.presumed_fine
        ),
        format!(
            "tried on the newest {} misuse and {} others, which it was not learnt from: {} held, {} false alarms",
            of.hits + of.misses,
            of.false_alarms + of.passes,
            of.hits,
            of.false_alarms
        ),
        format!(
            "with 95 % confidence: precision {}, recall {}, false alarms {} of the others",
            between(of.precision),
            between(of.recall),
            between(of.false_positive_rate)
        ),
        format!(
            "in the past {} days it would have held {} of {} that went ahead, of {}; {} of them were objected to",
            past.days,
            past.would_hold,
            past.requests,
            show::count(past.requesters, "requester"),
            past.objected_to
        ),
        format!(
            "{} trees on {}; held from a score of {:.2} on",
            parts.trees.len(),
            features.join(", "),
            odds(parts.hold_at)
        ),
        format!("ends {}, data {}", day(parts.expires), from.data),
    ]
}

/// Two digits, rounded outwards.
fn between((low, high): (u16, u16)) -> String {
    let low = f64::from(low / 100) / 100.0;
    let high = f64::from(high.div_ceil(100)) / 100.0;
    format!("{low:.2} to {high:.2}")
}

fn day(time: Timestamp) -> String {
    let time = time.to_string();
    time.split('T').next().unwrap_or(&time).to_owned()
}
