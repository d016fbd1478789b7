//! The same seed gives the same verdicts, today and after every change that is not meant to alter them.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use secnet_guard::{Guard, Model, Outcome, PermittedUse, explain};
use secnet_types::{Digest, Party, Purpose, RuleSet};

use crate::common::{MONDAY, NIGHT, event, sensitive, settled, step};

fn run(seed: u64) -> (Guard, Vec<u8>, [u32; 3]) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut guard = Guard::new(Model::default());
    let (mut trace, mut counts, mut at) = (Vec::new(), [0; 3], MONDAY);
    for _ in 0..3000 {
        let draw = rng.next_u32().to_be_bytes();
        at += if draw[0] < 3 { 3_600_000 } else { u64::from(draw[0]) * 3 };
        let mut next = event(draw[1] % 3, draw[2] % 4, at);
        next.purpose = if draw[3] < 30 { Purpose::Research } else { Purpose::Treatment };
        if draw[3] % 4 == 0 {
            next.labels = sensitive();
        }
        let verdict = step(&mut guard, &next);
        // Without rules there is nothing between these.
        let outcome = match verdict.outcome {
            Outcome::Allow { .. } => 0,
            Outcome::Hold => 1,
            Outcome::Deny => 2,
            Outcome::StepUp | Outcome::Throttle { .. } => 3,
        };
        trace.push(outcome);
        trace.extend(verdict.score.points().to_be_bytes());
        counts[usize::from(outcome)] += 1;
    }
    (guard, trace, counts)
}

#[test]
fn a_fixed_seed_gives_the_recorded_verdicts() {
    let (guard, trace, counts) = run(7);
    assert_eq!(run(7), (guard.clone(), trace.clone(), counts), "twice the same");
    assert_eq!(
        (counts, Digest::of(&trace).to_string(), Digest::of(&guard.snapshot()).to_string()),
        (
            [2161, 464, 375],
            "sndigest15rp9jdygunmejkthwuz40sfpmxlldmxe7zy8r9knfnwgha5q42dsxj2jyc".to_owned(),
            "sndigest16vlyryvw90rr2eg2jsj2cge2d59ndx5weam2ytjmu5vlj9v97p5sv42er8".to_owned(),
        )
    );
}

#[test]
fn the_model_digest_is_the_recorded_one() {
    // It changes with every parameter and with the code version: bump that when verdicts change.
    assert_eq!(
        Model::default().digest().to_string(),
        "sndigest1dgrgg9a2ph9sh3s5sr5zgyzh5kk8l0mcnul5lps4ry0gpllwydzsgm6q96"
    );
}

#[test]
fn the_analyst_reads_everything() {
    let guard = settled();
    let mut strange = event(1, 9, NIGHT);
    strange.labels = sensitive();
    let facts = guard.features(&strange);
    let parties = [Party::Member(strange.requester)];
    let none = RuleSet::new([]).unwrap();
    let permitted = PermittedUse::default();
    let said = explain(guard.model(), &permitted, &facts, &none, &strange.rule_context(&parties));
    let expected = "hold (score 5500 of 10000)
- the requester is rarely active at this hour of day: share of past activity at this hour is 0, ordinary is 400 (adds 2500 of 10000)
- the requester has not done this before: novelty is 2, ordinary is 0 (adds 1500 of 10000)
- the requester asks for records with sensitivity labels: labels is hiv, ordinary is none (adds 1500 of 10000)
- it would have been milder with share of past activity at this hour 400 instead of 0
- it would have been milder with novelty 0 instead of 2
- it would have been milder with labels none instead of hiv
";
    assert_eq!(said.to_string(), expected);
}
