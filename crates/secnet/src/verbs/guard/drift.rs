//! `secnet guard drift`: do requests still look like those that were learnt from?

use std::path::PathBuf;

use clap::Args;
use secnet_app::PastRequest;
use secnet_guard::Model;
use secnet_guard::learnt::Input;
use secnet_learn::{Drift, drift};
use secnet_types::{Feature, FeatureKind, Timestamp};
use serde_json::{Value, json};

use super::models::{column_name, learnt_here};
use super::plot;
use crate::failure::{Exit, Failure};
use crate::node::Node;
use crate::output::Output;
use crate::verbs::rules;

/// Fewer on a side say nothing.
const LEAST: usize = 30;
/// By convention: below the first little has changed, from the second on much.
const SOME: f64 = 0.1;
const MUCH: f64 = 0.25;
/// Lines for a reader.
const LISTED: usize = 12;

#[derive(Debug, Args)]
pub(crate) struct DriftArgs {
    /// Look at the past so many days.
    #[arg(long, value_name = "DAYS", default_value_t = 90,
        value_parser = clap::value_parser!(u64).range(2..=36_500))]
    days: u64,
    /// Now is the past so many of these. Default: everything since the newest model here was learnt, or else the newer half.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u64).range(1..=36_500))]
    recent: Option<u64>,
    /// Also draw the most changed to this SVG file.
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
}

impl DriftArgs {
    pub(super) const fn writes(&self) -> bool {
        self.plot.is_some()
    }
}

/// One thing that was compared.
struct Line {
    name: String,
    about: &'static str,
    drift: Drift,
}

pub(super) async fn run(node: &Node, out: Output, args: &DriftArgs) -> Result<(), Failure> {
    let past = rules::past_since(node, Some(args.days)).await?;
    let learnt = learnt_here(node).await?;
    let trained = learnt.iter().map(|(_, at)| *at).max();
    let (border, why) = border(&past, args, (node.pdc.now(), trained));
    let (earlier, later) = past.split_at(past.partition_point(|request| request.time < border));
    if earlier.len() < LEAST || later.len() < LEAST {
        let said = format!(
            "there are {} requests before {border} and {} after it, and at least {LEAST} of each are needed",
            earlier.len(),
            later.len()
        );
        return Err(Failure::new("too-few-requests", said)
            .hint("--days looks further back, --recent says what is now")
            .exit(Exit::Failed));
    }
    let mut lines = features(earlier, later);
    lines.extend(scores(earlier, later, &learnt));
    lines.sort_by(|a, b| {
        b.drift.stability.total_cmp(&a.drift.stability).then_with(|| a.name.cmp(&b.name))
    });
    let svg = args.plot.as_ref().map(|file| {
        let bars: Vec<(&str, f64)> =
            lines.iter().take(LISTED).map(|l| (l.name.as_str(), l.drift.stability)).collect();
        (file, plot::bars("population stability, most changed first", &bars, &[SOME, MUCH]))
    });
    if let Some((file, svg)) = svg {
        std::fs::write(file, svg).map_err(|error| Failure::io("write", file, &error))?;
    }
    let said = sentence(&lines);
    let each: Vec<Value> = lines
        .iter()
        .map(|line| {
            json!({
                "name": line.name, "about": line.about, "stability": line.drift.stability,
                "distance": line.drift.distance, "chance": line.drift.chance,
                "changed": word(line.drift.stability),
            })
        })
        .collect();
    let value = json!({
        "border": border.to_string(), "earlier": earlier.len(), "later": later.len(),
        "said": said, "each": each,
    });
    out.result(&value, |_| {
        let head = format!(
            "{} requests before {border} ({why}) beside {} since then\n{said}\n\n{:44} {:>9} {:>8} {:>8}",
            earlier.len(),
            later.len(),
            "",
            "stability",
            "distance",
            "chance"
        );
        let rows = lines.iter().take(LISTED).map(|line| {
            let Drift { stability, distance, chance } = line.drift;
            format!("{:44} {stability:9.3} {distance:8.3} {chance:8.1e}", line.name)
        });
        std::iter::once(head).chain(rows).collect::<Vec<_>>().join("\n")
    });
    Ok(())
}

fn border(
    past: &[PastRequest],
    args: &DriftArgs,
    (now, trained): (Timestamp, Option<Timestamp>),
) -> (Timestamp, &'static str) {
    if let Some(days) = args.recent {
        let ago = days.saturating_mul(rules::DAY_MS);
        return (Timestamp(now.0.saturating_sub(ago)), "as asked for");
    }
    if let Some(trained) = trained {
        return (trained, "when the newest model here was learnt");
    }
    let middle = past.get(past.len() / 2).map_or(now, |request| request.time);
    (middle, "the middle of the period")
}

fn features(earlier: &[PastRequest], later: &[PastRequest]) -> Vec<Line> {
    let mut inputs = Vec::new();
    for feature in Feature::ALL.iter().copied() {
        match feature.kind() {
            FeatureKind::Number { .. } => inputs.push(Input::Number(feature)),
            FeatureKind::Word(list) | FeatureKind::Words(list) => {
                let all = (0..u64::BITS).filter(|word| list.word(*word).is_some());
                inputs.extend(all.map(|word| Input::Word(feature, word)));
            }
            FeatureKind::Text | FeatureKind::Address => {}
        }
    }
    let values = |input: &Input, of: &[PastRequest]| -> Vec<f64> {
        let value = |request: &PastRequest| input.value(&request.features);
        of.iter().map(|request| value(request).map_or(f64::NAN, |value| value as f64)).collect()
    };
    let line = |input: &Input| {
        let (before, after) = (values(input, earlier), values(input, later));
        let known = before.iter().chain(&after).any(|value| !value.is_nan());
        let drift = drift(&before, &after).filter(|_| known)?;
        Some(Line { name: column_name(input), about: "feature", drift })
    };
    inputs.iter().filter_map(line).collect()
}

/// What the detector and each learnt model that is here would say of both.
fn scores(
    earlier: &[PastRequest],
    later: &[PastRequest],
    learnt: &[(std::sync::Arc<secnet_guard::Learnt>, Timestamp)],
) -> Vec<Line> {
    let detector = Model::default();
    let compared = |name: String, score: &dyn Fn(&PastRequest) -> f64| {
        let (before, after): (Vec<f64>, Vec<f64>) =
            (earlier.iter().map(score).collect(), later.iter().map(score).collect());
        drift(&before, &after).map(|drift| Line { name, about: "score", drift })
    };
    let by_detector =
        |request: &PastRequest| f64::from(detector.assess(&request.features).score.points());
    let mut lines: Vec<Line> =
        compared("score of the detector".into(), &by_detector).into_iter().collect();
    for (model, _) in learnt {
        let by_model = |request: &PastRequest| model.score(&request.features) as f64;
        lines.extend(compared(format!("score of {}", model.digest()), &by_model));
    }
    lines
}

fn word(stability: f64) -> &'static str {
    if stability < SOME {
        "little"
    } else if stability < MUCH {
        "some"
    } else {
        "much"
    }
}

fn sentence(lines: &[Line]) -> String {
    let of = |about: &str, least: f64| -> Vec<&str> {
        let all = lines.iter().filter(|l| l.about == about && l.drift.stability >= least);
        all.map(|line| line.name.as_str()).collect()
    };
    let (much, scores) = (of("feature", MUCH), of("score", MUCH));
    let some = of("feature", SOME).len() - much.len();
    if much.is_empty() && scores.is_empty() {
        return format!(
            "nothing has changed much ({some} features somewhat): what was learnt then is about requests like these"
        );
    }
    let named = much.iter().take(3).copied().collect::<Vec<_>>().join(", ");
    let features = match much.len() {
        0 => "no feature has changed much".to_owned(),
        1..=3 => format!("much has changed in: {named}"),
        more => format!("much has changed in {more} features, most in: {named}"),
    };
    if scores.is_empty() {
        format!(
            "{features}; scores are spread as before, so what was learnt then may still hold: look at its hits"
        )
    } else {
        format!(
            "{features}; scores are spread otherwise than before ({}): learn anew, or see what it stops",
            scores.join(", ")
        )
    }
}
