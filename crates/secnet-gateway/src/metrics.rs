//! What the doors count, as Prometheus reads it. Labels are routes, codes and reasons, of which there are few: never an id, a
//! path or anything that a caller writes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use parking_lot::Mutex;

/// Upper ends of the histogram's buckets, in microseconds.
const BUCKETS: [u64; 10] =
    [500, 1_000, 2_500, 5_000, 10_000, 25_000, 100_000, 500_000, 2_500_000, 10_000_000];

/// Why a connection was closed that its client had not done with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Closed {
    /// It said nothing.
    Silent,
    /// It did not speak TLS, or not in time.
    Handshake,
    /// What came is no HTTP/1.1, or could be read in two ways.
    Malformed,
    /// The head of a call was too long, or had too many fields.
    TooLarge,
    /// The head of a call took too long.
    Slow,
    /// It was cut in the middle of a call or of an answer, or the other side took nothing of the answer.
    Broken,
}

impl Closed {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::Handshake => "handshake",
            Self::Malformed => "malformed",
            Self::TooLarge => "too-large",
            Self::Slow => "slow",
            Self::Broken => "broken",
        }
    }
}

/// The decision that an answer tells of: verdict, and reason if it is a refusal.
#[derive(Debug, Clone)]
pub(crate) struct Decided(pub &'static str, pub String);

/// One answer.
#[derive(Debug)]
pub(crate) struct Answered<'a> {
    pub method: &'a Method,
    /// The route's template.
    pub route: &'a str,
    pub status: StatusCode,
    pub problem: Option<&'a str>,
    pub decided: Option<&'a Decided>,
    pub took: Duration,
}

/// Counters and histograms.
#[derive(Debug, Default)]
pub struct Metrics(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    answers: BTreeMap<(String, String, u16), u64>,
    problems: BTreeMap<String, u64>,
    decisions: BTreeMap<(&'static str, String), u64>,
    closed: BTreeMap<Closed, u64>,
    times: BTreeMap<String, Times>,
}

#[derive(Debug, Default)]
struct Times {
    /// Answers by bucket, the last one without an end.
    buckets: [u64; BUCKETS.len() + 1],
    micros: u64,
}

impl Metrics {
    pub(crate) fn answered(&self, answered: &Answered<'_>) {
        let Answered { method, route, status, problem, decided, took } = answered;
        let mut counts = self.0.lock();
        let method = known(method).to_owned();
        count(&mut counts.answers, (method, (*route).to_owned(), status.as_u16()));
        if let Some(code) = problem {
            count(&mut counts.problems, (*code).to_owned());
        }
        if let Some(Decided(verdict, reason)) = decided {
            count(&mut counts.decisions, (*verdict, reason.clone()));
        }
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BUCKETS.iter().position(|end| micros <= *end).unwrap_or(BUCKETS.len());
        let times = counts.times.entry((*route).to_owned()).or_default();
        times.micros = times.micros.saturating_add(micros);
        if let Some(times) = times.buckets.get_mut(bucket) {
            *times = times.saturating_add(1);
        }
    }

    pub(crate) fn closed(&self, why: Closed) {
        count(&mut self.0.lock().closed, why);
    }

    /// All of it, in the text format 0.0.4 of Prometheus, after these gauges.
    #[must_use]
    pub fn text(&self, gauges: &[(&str, &str, u64)]) -> String {
        let mut text = String::with_capacity(4096);
        for (name, help, value) in gauges {
            head(&mut text, name, help, "gauge");
            line(&mut text, name, &[], value);
        }
        let counts = self.0.lock();
        let name = "secnet_http_answers_total";
        head(&mut text, name, "Calls that were answered.", "counter");
        for ((method, route, status), n) in &counts.answers {
            let status = status.to_string();
            line(&mut text, name, &[("method", method), ("route", route), ("status", &status)], n);
        }
        let name = "secnet_http_problems_total";
        head(&mut text, name, "Answers that were a problem, by its code.", "counter");
        for (code, n) in &counts.problems {
            line(&mut text, name, &[("code", code)], n);
        }
        let name = "secnet_decisions_total";
        head(&mut text, name, "Decisions that were answered, by verdict and reason.", "counter");
        for ((verdict, reason), n) in &counts.decisions {
            line(&mut text, name, &[("verdict", verdict), ("reason", reason)], n);
        }
        let name = "secnet_connections_closed_total";
        head(&mut text, name, "Connections closed because of what came, or did not.", "counter");
        for (why, n) in &counts.closed {
            line(&mut text, name, &[("why", why.as_str())], n);
        }
        let name = "secnet_http_seconds";
        head(&mut text, name, "Time from a call's head to its answer's head.", "histogram");
        for (route, times) in &counts.times {
            histogram(&mut text, name, route, times);
        }
        text
    }
}

fn histogram(text: &mut String, name: &str, route: &str, times: &Times) {
    let (bucket, mut sum) = (format!("{name}_bucket"), 0_u64);
    let ends = BUCKETS.iter().map(|end| seconds(*end)).chain(["+Inf".to_owned()]);
    for (end, n) in ends.zip(times.buckets) {
        sum = sum.saturating_add(n);
        line(text, &bucket, &[("route", route), ("le", &end)], sum);
    }
    line(text, &format!("{name}_sum"), &[("route", route)], seconds(times.micros));
    line(text, &format!("{name}_count"), &[("route", route)], sum);
}

/// Micros as decimal seconds, exactly.
fn seconds(micros: u64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Methods are the caller's words: only those that there are become a label.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        _ => "other",
    }
}

fn count<K: Ord>(counts: &mut BTreeMap<K, u64>, key: K) {
    let n = counts.entry(key).or_default();
    *n = n.saturating_add(1);
}

fn head(text: &mut String, name: &str, help: &str, kind: &str) {
    // INVARIANT: writing to a string does not fail.
    writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}").ok();
}

fn line(text: &mut String, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
    let escaped = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"");
    let labels: Vec<String> =
        labels.iter().map(|(key, value)| format!("{key}=\"{}\"", escaped(value))).collect();
    let labels =
        if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
    writeln!(text, "{name}{labels} {value}").ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_counted_and_a_callers_words_are_no_labels() {
        let metrics = Metrics::default();
        let odd = Method::from_bytes(b"SECRET").unwrap();
        for (method, status, micros) in [(&Method::GET, 200, 400), (&odd, 404, 3_000_000)] {
            metrics.answered(&Answered {
                method,
                route: "/v1/datasets/{dataset}",
                status: StatusCode::from_u16(status).unwrap(),
                problem: (status == 404).then_some("not-visible"),
                decided: None,
                took: Duration::from_micros(micros),
            });
        }
        metrics.closed(Closed::Silent);
        let text = metrics.text(&[("secnet_ledger_height", "Height.", 7)]);
        for line in [
            "secnet_ledger_height 7",
            "secnet_http_answers_total{method=\"GET\",route=\"/v1/datasets/{dataset}\",status=\"200\"} 1",
            "secnet_http_problems_total{code=\"not-visible\"} 1",
            "secnet_connections_closed_total{why=\"silent\"} 1",
            "secnet_http_seconds_bucket{route=\"/v1/datasets/{dataset}\",le=\"0.0005\"} 1",
            "secnet_http_seconds_bucket{route=\"/v1/datasets/{dataset}\",le=\"2.5\"} 1",
            "secnet_http_seconds_bucket{route=\"/v1/datasets/{dataset}\",le=\"+Inf\"} 2",
            "secnet_http_seconds_sum{route=\"/v1/datasets/{dataset}\"} 3.0004",
        ] {
            assert!(text.lines().any(|there| there == line), "{line} is not in\n{text}");
        }
        assert!(!text.contains("SECRET"));
    }
}
