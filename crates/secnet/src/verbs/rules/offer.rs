//! Offering a rule and buying a licence of one: the same here and at a node elsewhere.

use std::path::Path;

use secnet_app::Enclosures;
use secnet_types::{Amount, Digest, Operation, Rule, RuleId, RuleListing, check_safety};
use serde_json::json;

use super::body::read;
use super::safety::unsafe_rule;
use crate::failure::Failure;
use crate::output::Output;

/// Largest file of evidence, in bytes.
const MAX_EVIDENCE_BYTES: u64 = 256 * 1024 * 1024;

/// A rule that somebody offers.
pub(super) struct Offer {
    pub(super) rule: Rule,
    price: Amount,
    evidence: Digest,
}

impl Offer {
    /// From a file. What the network's safety list says is checked here; what a data centre's past says, by whoever has it.
    pub(super) fn read(
        file: &Path,
        (price, evidence): (Amount, Option<&Path>),
    ) -> Result<Self, Failure> {
        let rule = read(file)?;
        check_safety(&rule).map_err(|error| unsafe_rule(&error.to_string()))?;
        let evidence = match evidence {
            Some(path) => Digest::of(&crate::files::read(path, MAX_EVIDENCE_BYTES)?),
            None => Digest::ZERO,
        };
        Ok(Self { rule, price, evidence })
    }

    pub(super) fn operation(&self) -> (Operation, Enclosures) {
        let Self { rule, price, evidence } = self;
        let (price, evidence) = (*price, *evidence);
        let listing = RuleListing { rule: rule.id(), price, evidence, expires: rule.expires() };
        (Operation::PublishRule { listing }, Enclosures::default())
    }

    pub(super) fn would(&self) -> String {
        format!("offer {} at {} a licence: {}", self.rule.id(), self.price, self.rule)
    }

    pub(super) fn tell(&self, out: Output) {
        let Self { rule, price, .. } = self;
        let value = json!({
            "rule": rule.id().to_string(), "sentence": rule.to_string(), "price": price.to_string(),
        });
        out.result(&value, |_| format!("offered {} at {price} a licence: {rule}", rule.id()));
    }
}

/// The price, if it is not more than what somebody wants to pay.
pub(super) fn affordable(price: Amount, max_price: Option<Amount>) -> Result<Amount, Failure> {
    match max_price.filter(|most| *most < price) {
        Some(most) => {
            Err(Failure::new("too-expensive", format!("a licence costs {price}, more than {most}")))
        }
        None => Ok(price),
    }
}

pub(super) fn bought(out: Output, rule: RuleId, price: Amount) {
    let value = json!({ "bought": rule.to_string(), "price": price.to_string() });
    out.result(&value, |_| format!("bought a licence of {rule} for {price}"));
}
