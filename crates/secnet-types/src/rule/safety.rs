//! What no rule may do, whoever wrote it: checked when a rule is made, voted and enforced.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::collections::BTreeSet;

use super::{AddressBlock, Condition, Feature, FeatureKind, FeatureValue, Rule, RuleAction, Test};
use crate::{Party, Purpose};

/// Shortest IPv4 prefix that a rule may act on.
const MIN_BLOCK_PREFIX_V4: u8 = 8;
/// Shortest IPv6 prefix that a rule may act on.
const MIN_BLOCK_PREFIX_V6: u8 = 16;

/// Why a rule must not be enforced.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SafetyError {
    /// It would stop everybody.
    #[error(
        "the rule would {action} every ordinary request; add a condition that ordinary requests do not meet, or name a dataset or a requester"
    )]
    MatchesEverything {
        /// Its action.
        action: &'static str,
    },
    /// It would stop most of the address space.
    #[error("`{block}` is too large a part of all addresses; name blocks of /{least} or smaller")]
    AddressSpace {
        /// The block.
        block: AddressBlock,
        /// The named limit.
        least: u8,
    },
    /// It would stop an address that must not be stopped, such as the machine itself.
    #[error(
        "the rule would stop `{block}`, which is on the safety list; exclude it by a condition"
    )]
    ProtectedAddress {
        /// The protected block.
        block: AddressBlock,
    },
    /// It is aimed at a party that must not be stopped.
    #[error("the rule is aimed at a party on the safety list")]
    ProtectedParty,
    /// It is aimed at emergency treatment.
    #[error(
        "the rule would {action} emergency use; emergencies may be flagged and reviewed, never held up"
    )]
    Emergency {
        /// Its action.
        action: &'static str,
    },
}

/// What rules must leave alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SafetyList {
    /// Addresses that rules must not stop.
    pub addresses: Vec<AddressBlock>,
    /// Parties that rules must not be aimed at.
    pub parties: BTreeSet<Party>,
}

impl Default for SafetyList {
    /// The machine itself.
    fn default() -> Self {
        let loopback = [
            AddressBlock::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8),
            AddressBlock::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 128),
        ];
        Self { addresses: loopback.into_iter().flatten().collect(), parties: BTreeSet::new() }
    }
}

/// Check a rule against the default [`SafetyList`].
///
/// # Errors
/// [`SafetyError`].
pub fn check_safety(rule: &Rule) -> Result<(), SafetyError> {
    SafetyList::default().check(rule)
}

impl SafetyList {
    /// May the rule be enforced? Rules that only flag always may.
    ///
    /// # Errors
    /// [`SafetyError`], naming what the rule would do.
    pub fn check(&self, rule: &Rule) -> Result<(), SafetyError> {
        if rule.action() == RuleAction::Flag {
            return Ok(());
        }
        let action = rule.action().as_str();
        if aims_at_emergency(rule) {
            return Err(SafetyError::Emergency { action });
        }
        if rule.scope().party.is_some_and(|party| self.parties.contains(&party)) {
            return Err(SafetyError::ProtectedParty);
        }
        self.addresses(rule)?;
        let narrow = rule.scope().dataset.is_some() || rule.scope().party.is_some();
        if !narrow && rule.conditions().iter().all(meets_everything_ordinary) {
            return Err(SafetyError::MatchesEverything { action });
        }
        Ok(())
    }

    fn addresses(&self, rule: &Rule) -> Result<(), SafetyError> {
        let (mut inside, mut outside) = (Vec::new(), Vec::new());
        for condition in rule.conditions() {
            match condition.test() {
                Test::Inside(block) => inside.push(*block),
                Test::Outside(block) => outside.push(*block),
                _ => {}
            }
        }
        if inside.is_empty() && outside.is_empty() {
            return Ok(());
        }
        for block in &inside {
            let v4 = block.first().is_ipv4();
            let least = if v4 { MIN_BLOCK_PREFIX_V4 } else { MIN_BLOCK_PREFIX_V6 };
            if block.prefix() < least {
                return Err(SafetyError::AddressSpace { block: *block, least });
            }
        }
        for protected in &self.addresses {
            let reached =
                inside.iter().try_fold(*protected, |reached, block| reached.intersection(block));
            if reached.is_some_and(|reached| !outside.iter().any(|block| block.covers(&reached))) {
                return Err(SafetyError::ProtectedAddress { block: *protected });
            }
        }
        Ok(())
    }
}

/// Does the rule name emergencies? One that merely does not exclude them is harmless: the guard never lets a rule
/// hold up an emergency.
fn aims_at_emergency(rule: &Rule) -> bool {
    let emergency = FeatureValue::Words(1 << Purpose::Emergency.number());
    rule.scope().purpose == Some(Purpose::Emergency)
        || rule.conditions().iter().any(|condition| match (condition.feature(), condition.test()) {
            (Feature::Purpose, Test::AnyWord(_)) => condition.accepts(&emergency),
            (Feature::Emergency, _) => condition.accepts(&FeatureValue::Words(1 << 1)),
            _ => false,
        })
}

/// Is the condition true of everything that is ordinary for its feature?
fn meets_everything_ordinary(condition: &Condition) -> bool {
    ordinary(condition.feature()).iter().all(|value| condition.accepts(value))
}

/// Values that a harmless request may well have.
fn ordinary(feature: Feature) -> Vec<FeatureValue> {
    let number = FeatureValue::Number;
    match feature {
        Feature::HourOfDay => (0..24).map(number).collect(),
        Feature::DayOfWeek => (0..7).map(number).collect(),
        Feature::DenialsLastHour | Feature::Novelty | Feature::ExcessLastMinute => vec![number(0)],
        Feature::SecondsSinceLastRequest => vec![number(30), number(86_400 * 30)],
        Feature::PriceMicros => vec![number(0), number(1_000_000)],
        Feature::PercentOfUsualRecords => vec![number(100)],
        Feature::HourShare => vec![number(1000), number(10_000)],
        Feature::StrangenessLimit => vec![number(100), number(1_000_000)],
        Feature::Purpose => (0..8)
            .filter(|n| *n != Purpose::Emergency.number())
            .map(|n| FeatureValue::Words(1 << n))
            .collect(),
        Feature::Emergency | Feature::OwnData => vec![FeatureValue::Words(1)],
        Feature::Door => {
            ["cli", "http", "fhir"].map(|door| FeatureValue::Text(door.to_owned())).into()
        }
        Feature::Source => vec![
            FeatureValue::Address(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1))),
            FeatureValue::Address(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1))),
            FeatureValue::Address(IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))),
        ],
        _ => match feature.kind() {
            FeatureKind::Number { .. } => vec![number(1)],
            FeatureKind::Words(_) => vec![FeatureValue::Words(0), FeatureValue::Words(1 << 1)],
            FeatureKind::Word(list) => list
                .names(list.all())
                .filter_map(|word| list.number(word))
                .map(|n| FeatureValue::Words(1 << n))
                .collect(),
            FeatureKind::Text | FeatureKind::Address => Vec::new(),
        },
    }
}
