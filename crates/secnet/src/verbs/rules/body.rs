//! Bodies of rules and the evidence for them: in files, and in the private archive.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use secnet_app::ports::{Archive as _, Change, EntryKind, EntryName};
use secnet_types::{IdError, Rule, RuleId, encode, limits};

use super::card::Card;
use crate::failure::{Exit, Failure};
use crate::node::{Node, access_failure};

/// Longest card, in bytes.
const MAX_CARD_BYTES: u64 = 64 * 1024;

/// A rule as it is named on the command line: by its id, or by the file that has it.
#[derive(Debug, Clone)]
pub(super) enum Which {
    Id(RuleId),
    File(PathBuf),
}

impl FromStr for Which {
    type Err = IdError;

    /// What begins like an id is meant as one, so that a misspelt id is not looked for as a file.
    fn from_str(text: &str) -> Result<Self, IdError> {
        let meant = text.strip_prefix(RuleId::PREFIX).is_some_and(|rest| rest.starts_with('1'));
        if meant && !text.contains(['.', '/']) {
            return text.parse().map(Self::Id);
        }
        Ok(Self::File(PathBuf::from(text)))
    }
}

/// A rule, and the evidence for it if there is some.
pub(super) async fn find(node: &Node, which: &Which) -> Result<(Rule, Option<Card>), Failure> {
    match which {
        Which::Id(id) => Ok((body(node, *id).await?, kept_card(node, *id).await?)),
        Which::File(file) => {
            let rule = read(file)?;
            let card = card_beside(file, &rule)?;
            Ok((rule, card))
        }
    }
}

pub(super) fn read(file: &Path) -> Result<Rule, Failure> {
    let text = crate::files::read_text(file, limits::MAX_RULE_TEXT_BYTES as u64)?;
    Rule::from_cedar(&text).map_err(|error| {
        Failure::new("invalid-rule", format!("`{}` is not a rule", file.display()))
            .because(&error)
            .hint("docs/spec/rules.md says how a rule is written; `secnet rules learn --out FILE` writes one")
            .exit(Exit::Usage)
    })
}

/// Where the evidence for the rule of a file is.
pub(super) fn card_file(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".card.json");
    PathBuf::from(name)
}

fn card_beside(file: &Path, rule: &Rule) -> Result<Option<Card>, Failure> {
    let beside = card_file(file);
    if !beside.exists() {
        return Ok(None);
    }
    let text = crate::files::read_text(&beside, MAX_CARD_BYTES)?;
    let wrong = |why: &str| {
        Failure::new("invalid-card", format!("`{}` is not the card of this rule", beside.display()))
            .hint(format!("{why}; learn the rule anew, or remove the card to go on without it"))
            .exit(Exit::Verification)
    };
    let card = Card::of_file(&text).map_err(wrong)?;
    if card.rule != rule.id().to_string() {
        return Err(wrong("it is another rule's"));
    }
    Ok(Some(card))
}

pub(super) async fn keep(node: &Node, rule: &Rule, card: Option<&Card>) -> Result<(), Failure> {
    let id = rule.id();
    let entry = |kind, value| Change { name: EntryName::new(kind, &[], &id.0), value: Some(value) };
    let mut changes = vec![entry(EntryKind::Rule, encode(rule))];
    changes.extend(card.map(|card| entry(EntryKind::RuleCard, card.to_bytes())));
    node.archive.write(changes).await.map_err(|error| access_failure(error.into()))
}

pub(super) async fn stored(node: &Node, rule: RuleId) -> Result<Option<Rule>, Failure> {
    let bytes = node.archive.get(&EntryName::new(EntryKind::Rule, &[], &rule.0)).await;
    let bytes = bytes.map_err(|error| access_failure(error.into()))?;
    let damaged = |error: secnet_types::DecodeError| {
        Failure::new("damaged", format!("the body of {rule} is damaged"))
            .because(&error)
            .exit(Exit::Verification)
    };
    bytes.map(|bytes| Rule::from_bytes(&bytes).map_err(damaged)).transpose()
}

async fn kept_card(node: &Node, rule: RuleId) -> Result<Option<Card>, Failure> {
    let bytes = node.archive.get(&EntryName::new(EntryKind::RuleCard, &[], &rule.0)).await;
    let bytes = bytes.map_err(|error| access_failure(error.into()))?;
    let damaged = |why: &str| {
        Failure::new("damaged", format!("the card of {rule} is damaged: {why}"))
            .hint("`secnet fsck` names what is wrong; a backup repairs it")
            .exit(Exit::Verification)
    };
    bytes.map(|bytes| Card::from_bytes(&bytes).map_err(damaged)).transpose()
}

pub(super) async fn body(node: &Node, rule: RuleId) -> Result<Rule, Failure> {
    stored(node, rule).await?.ok_or_else(|| {
        Failure::new("no-body", format!("the body of {rule} is not here"))
            .hint("`secnet rules install RULE --body FILE` brings it in")
    })
}

pub(super) fn unknown(rule: RuleId) -> Failure {
    Failure::new("unknown-rule", format!("{rule} is not on offer"))
        .hint("`secnet rules ls` lists those that are; `secnet rules install FILE` puts your own in force")
}
