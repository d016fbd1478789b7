//! Members that have each seen one kind of attack: what their rules are worth to the others.
//!
//! A member tries each rule, its own too, on its own ordinary flows of the past, and takes it if it would have flagged few of
//! them. Nobody shows flows to anybody, and no test flow is looked at.

use std::path::Path;
use std::time::Instant;

use secnet_learn::rules::{RuleList, RuleRecipe, learn_rules};
use secnet_learn::{Confusion, Kind, Table};

use super::load::{LoadError, Sheet};
use super::streams::{STEPS, StreamRun};
use super::tasks::Figure;

/// Who they are, by the attack that they have seen.
const MEMBERS: [&str; 4] = ["WebDDoS", "LDAP", "Portmap", "DNS"];
/// The share of its ordinary flows that one member's rules may flag: an equal part of the 2 % that the union may.
const OWN_RATE: f64 = 0.02 / MEMBERS.len() as f64;

/// The share of a member's own past ordinary flows that a rule may flag for the member to take it.
const TAKEN_AT: f64 = 0.02;

/// One member.
struct Member {
    past: Table,
    rules: RuleList,
    test: Table,
}

pub(crate) fn run(
    dir: &Path,
    seed: u64,
    progress: &mut dyn FnMut(),
) -> Result<StreamRun, LoadError> {
    let sheet = Sheet::read(dir, "flows.csv")?;
    let table = sheet.table(("label", "1"), &["client", "split"], |_| Some(Kind::Numeric))?;
    let (clients, splits) = (sheet.column("client")?, sheet.column("split")?);
    let part = |client: &str, is_test: bool| {
        let rows: Vec<usize> = clients
            .iter()
            .zip(splits)
            .enumerate()
            .filter(|(_, (own, split))| *own == client && (*split == "test") == is_test)
            .map(|(row, _)| row)
            .collect();
        table.part(&rows)
    };
    let begun = Instant::now();
    let mut run = StreamRun { seed, ..StreamRun::default() };
    let mut members = Vec::new();
    let recipe = RuleRecipe { false_positive_rate: OWN_RATE, ..RuleRecipe::default() };
    for name in MEMBERS {
        let (train, test) = (part(name, false), part(name, true));
        train.require_both_classes()?;
        test.require_both_classes()?;
        let rules = learn_rules(&train, recipe, seed, &mut || ())?;
        let said = rules.cards.iter().map(|card| (name.to_owned(), card.to_string()));
        run.rules.extend(said);
        run.learnt += train.rows();
        run.judged += test.rows();
        members.push(Member { past: train, rules, test });
        (0..STEPS / MEMBERS.len()).for_each(|_| progress());
    }
    run.seconds = begun.elapsed().as_secs_f64();
    run.measure_members(&members);
    Ok(run)
}

/// What the rules of these members do to the test flows of one, with or without trying them first.
fn union(members: &[Member], at: &Member, tried: bool) -> Confusion {
    let count = |table: &Table, matches: Vec<bool>| {
        Confusion::of(matches.into_iter().zip(table.labels().iter().copied()))
    };
    let mut flagged = vec![false; at.test.rows()];
    for card in members.iter().flat_map(|member| &member.rules.cards) {
        let before = count(&at.past, card.matches(&at.past));
        if tried && before.false_positive_rate() > TAKEN_AT {
            continue;
        }
        for (flag, matches) in flagged.iter_mut().zip(card.matches(&at.test)) {
            *flag |= matches;
        }
    }
    count(&at.test, flagged)
}

fn pooled(counted: &[Confusion]) -> Confusion {
    counted.iter().fold(Confusion::default(), |sum, one| Confusion {
        hits: sum.hits + one.hits,
        false_alarms: sum.false_alarms + one.false_alarms,
        misses: sum.misses + one.misses,
        passes: sum.passes + one.passes,
    })
}

fn mean(of: impl Iterator<Item = f64>) -> f64 {
    let values: Vec<f64> = of.collect();
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

impl StreamRun {
    fn measure_members(&mut self, members: &[Member]) {
        let all = |tried: bool| -> Vec<Confusion> {
            members.iter().map(|member| union(members, member, tried)).collect()
        };
        let (untried, tried) = (all(false), all(true));
        let alone =
            |rules: &Member, at: &Member| union(std::slice::from_ref(rules), at, false).f1();
        let own = members.iter().map(|member| alone(member, member));
        let foreign = members.iter().enumerate().flat_map(|(at, member)| {
            let others = members.iter().enumerate().filter(move |(other, _)| *other != at);
            others.map(move |(_, other)| alone(member, other))
        });
        let flagged = pooled(&tried);
        let conditions: usize = members.iter().map(|member| member.rules.conditions()).sum();
        self.figures.extend([
            (Figure::OwnF1, mean(own)),
            (Figure::ForeignF1, mean(foreign)),
            (Figure::UntriedF1, mean(untried.iter().map(Confusion::f1))),
            (Figure::UntriedFalsePositiveRate, pooled(&untried).false_positive_rate()),
            (Figure::UnionF1, mean(tried.iter().map(Confusion::f1))),
            (Figure::UnionFalsePositiveRate, flagged.false_positive_rate()),
            (Figure::Rules, self.rules.len() as f64),
            (Figure::RuleConditions, conditions as f64),
        ]);
        let interval = flagged.false_positive_interval();
        self.intervals.insert(Figure::UnionFalsePositiveRate, (interval.low, interval.high));
    }
}
