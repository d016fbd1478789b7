//! `secnet guard respond`: one recorded command that stops, slows down or holds what a member, a dataset or an address does at this data
//! centre, until an end. It is a rule like any other: installed by a signed command, and undone by `secnet rules remove`.

use std::str::FromStr;

use clap::{ArgGroup, Args};
use secnet_app::{Incident, Subject};
use secnet_types::{
    AddressBlock, Condition, DatasetId, Feature, Party, Rule, RuleAction, RuleError, RuleScope,
    Test,
};
use serde_json::json;

use super::incidents::unknown;
use crate::cli::Globals;
use crate::config::block;
use crate::failure::{Exit, Failure};
use crate::node::{Node, access_failure};
use crate::output::Output;
use crate::show::Names;
use crate::verbs::rules;

const MINUTE_MS: u64 = 60_000;
/// The longest that a response can last, in minutes: 90 days. What is to last longer is a rule of its own.
const MAX_MINUTES: u64 = 90 * 24 * 60;

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("action").required(true))]
pub(crate) struct RespondArgs {
    /// The incident that this is about: its number. Whom it is aimed at follows from it, and it stands on its timeline.
    #[arg(required_unless_present_any = ["dataset", "member", "block_source"])]
    incident: Option<u64>,
    /// Refuse every use until the end, but an owner's of her own data; consent stays as it is, and emergencies go ahead.
    #[arg(long, group = "action")]
    freeze: bool,
    /// Have each wait for its owner.
    #[arg(long, group = "action")]
    hold: bool,
    /// Ask for a fresh proof of who asks.
    #[arg(long, group = "action")]
    step_up: bool,
    /// Have the requester wait before each.
    #[arg(long, group = "action")]
    throttle: bool,
    /// Refuse what comes from this address, or this block of addresses, whoever asks.
    #[arg(long, group = "action", value_name = "ADDRESS", conflicts_with_all = ["dataset", "member"])]
    block_source: Option<Block>,
    /// Aim at uses of this dataset, whoever asks.
    #[arg(long, value_name = "DATASET")]
    dataset: Option<DatasetId>,
    /// Aim at what this member asks for; with --dataset for that alone.
    #[arg(long, value_name = "NAME")]
    member: Option<String>,
    /// Until when: 30m, 24h or 7d from now, at most 90d.
    #[arg(long = "for", value_name = "TIME")]
    lasts: Lasts,
}

/// One address, or a block such as `203.0.113.0/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Block(AddressBlock);

impl FromStr for Block {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        block(text).map(Self).ok_or("write an address, or a block such as 203.0.113.0/24")
    }
}

/// How long, in minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Lasts(u64);

impl FromStr for Lasts {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let wrong = "write a time such as 30m, 24h or 7d, at most 90d";
        let minutes = [('m', 1), ('h', 60), ('d', 24 * 60)].into_iter().find_map(|(unit, each)| {
            let number = text.strip_suffix(unit)?;
            let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| number.parse::<u64>().ok()?.checked_mul(each)).flatten()
        });
        let fits = minutes.filter(|minutes| (1..=MAX_MINUTES).contains(minutes));
        fits.map(Self).ok_or(wrong)
    }
}

impl RespondArgs {
    /// What it does, in a word for people.
    const fn doing(&self) -> &'static str {
        match self.action() {
            RuleAction::Hold => "hold",
            RuleAction::StepUp => "step-up",
            RuleAction::Throttle => "throttle",
            _ if self.block_source.is_some() => "block-source",
            _ => "freeze",
        }
    }

    const fn action(&self) -> RuleAction {
        if self.hold {
            RuleAction::Hold
        } else if self.step_up {
            RuleAction::StepUp
        } else if self.throttle {
            RuleAction::Throttle
        } else {
            RuleAction::Deny
        }
    }
}

pub(super) async fn run(
    node: &Node,
    globals: &Globals,
    out: Output,
    args: &RespondArgs,
) -> Result<(), Failure> {
    let incident = match args.incident {
        Some(id) => {
            let story = node.pdc.incident(id).await.map_err(access_failure)?;
            Some(story.ok_or_else(|| unknown(id))?.line.incident)
        }
        None => None,
    };
    let rule = response(node, args, incident.as_ref())?;
    let id = incident.map(|incident| incident.id);
    let would = format!("{} until {}: {rule}", args.doing(), rule.expires());
    let Some(matched) = rules::respond(node, globals, out, (&rule, id), &would).await? else {
        return Ok(());
    };
    let undo = format!("secnet rules remove {}", rule.id());
    let value = json!({
        "incident": id, "response": args.doing(), "rule": rule.id().to_string(), "sentence": rule.to_string(),
        "until": rule.expires().to_string(), "would_have_matched": matched, "undo": undo,
    });
    let names = Names::of(node);
    out.result(&value, |_| {
        let aimed = match args.block_source {
            Some(Block(block)) => block.to_string(),
            None => aimed(&rule, &names),
        };
        format!(
            "{} of {aimed} until {}\nit would have met {matched} of the permitted requests seen so far\n`{undo}` undoes it",
            args.doing(),
            rule.expires()
        )
    });
    Ok(())
}

fn aimed(rule: &Rule, names: &Names) -> String {
    let scope = rule.scope();
    let party = scope.party.map(|party| match party {
        Party::Member(id) => names.say(&id.to_string().into()),
        Party::Organisation(id) => format!("all of {}", names.say(&id.to_string().into())),
        Party::Group(id) => names.say(&id.to_string().into()),
    });
    let dataset = scope.dataset.map(|dataset| dataset.to_string());
    match (party, dataset) {
        (Some(party), Some(dataset)) => format!("{party} on {dataset}"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => String::new(),
    }
}

/// The rule that does it.
fn response(node: &Node, args: &RespondArgs, incident: Option<&Incident>) -> Result<Rule, Failure> {
    let expires = node.pdc.now().plus_ms(args.lasts.0.saturating_mul(MINUTE_MS));
    let (conditions, scope) = match args.block_source {
        Some(Block(block)) => {
            let source = Condition::new(Feature::Source, Test::Inside(block));
            (source, RuleScope::ALL)
        }
        None => (by_others(), aim(node, args, incident)?),
    };
    let rule = conditions.and_then(|only| Rule::new(args.action(), vec![only], scope, expires));
    rule.map_err(|error| {
        Failure::new("invalid-rule", "this cannot be said as a rule")
            .because(&error)
            .exit(Exit::Usage)
    })
}

/// Every use but an owner's of her own data.
fn by_others() -> Result<Condition, RuleError> {
    Condition::any_of(Feature::OwnData, &["no"])
}

/// Whom or what it is aimed at: what was said, else what the incident is about.
fn aim(node: &Node, args: &RespondArgs, incident: Option<&Incident>) -> Result<RuleScope, Failure> {
    if args.dataset.is_some() || args.member.is_some() {
        let member = args.member.as_deref().map(|name| node.member(name)).transpose()?;
        return Ok(RuleScope {
            dataset: args.dataset,
            party: member.map(Party::Member),
            purpose: None,
        });
    }
    let scope = |dataset, party| Ok(RuleScope { dataset, party, purpose: None });
    match incident.map(|incident| incident.subject) {
        Some(Subject::Member(member)) => scope(None, Some(Party::Member(member))),
        Some(Subject::Organisation(member)) => scope(None, Some(Party::Organisation(member))),
        Some(Subject::Dataset(dataset)) => scope(Some(dataset), None),
        Some(Subject::DataCentre) | None => {
            Err(Failure::new("usage", "the incident is about no one member or dataset")
                .hint("name one with --member or --dataset")
                .exit(Exit::Usage))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_addresses_are_read_in_one_way() {
        for (text, minutes) in [("30m", 30), ("24h", 1440), ("7d", 10_080), ("90d", MAX_MINUTES)] {
            assert_eq!(text.parse(), Ok(Lasts(minutes)), "{text}");
        }
        for text in
            ["", "h", "0h", "91d", "24", "+1h", "-1h", "1.5h", "24 h", "99999999999999999d", "1w"]
        {
            assert!(text.parse::<Lasts>().is_err(), "{text}");
        }
        for (text, block) in [
            ("203.0.113.7", "203.0.113.7/32"),
            ("203.0.113.0/24", "203.0.113.0/24"),
            ("2001:db8::1", "2001:db8::1/128"),
            ("::ffff:203.0.113.7", "203.0.113.7/32"),
        ] {
            let Ok(Block(read)) = text.parse::<Block>() else { panic!("{text}") };
            assert_eq!(read.to_string(), block);
        }
        for text in ["203.0.113.7/24", "203.0.113", "example.org", "", "1.2.3.4/33"] {
            assert!(text.parse::<Block>().is_err(), "{text}");
        }
    }
}
