//! What the detector is: parameters with their reasons, and the digest that decisions record.

use minicbor::{Decode, Encode};
use secnet_types::Digest;

/// Changes whenever the same parameters would give another verdict.
const CODE_VERSION: &[u8] = b"additive-5";

/// Why parameters are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// A score, weight or threshold beyond the scale.
    #[error("`{name}` is {given} basis points, the most is 10000")]
    BeyondScale {
        /// Which parameter.
        name: &'static str,
        /// Its value.
        given: u16,
    },
    /// Holding must come before denying, and a score of zero must pass.
    #[error("`hold_at` ({hold_at}) must be above 0 and not above `deny_at` ({deny_at})")]
    Thresholds {
        /// Score from which requests are held.
        hold_at: u16,
        /// Score from which requests are denied.
        deny_at: u16,
    },
    /// A ramp that does not rise.
    #[error("`{name}` must rise: `from` below `to`")]
    Ramp {
        /// Which parameter.
        name: &'static str,
    },
    /// Higher novelty must not weigh less.
    #[error("`novelty` weights must not fall from one level to the next")]
    Novelty,
}

/// How a number becomes basis points: nothing up to `from`, `weight` from `to` on, a straight line between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Ramp {
    /// Up to here it is ordinary.
    #[n(0)]
    pub from: u32,
    /// From here on it has its full weight.
    #[n(1)]
    pub to: u32,
    /// The full weight in basis points.
    #[n(2)]
    pub weight: u16,
}

impl Ramp {
    /// Basis points of a number.
    #[must_use]
    pub fn rise(&self, number: i64) -> u16 {
        let over = number.saturating_sub(i64::from(self.from)).max(0);
        let span = i64::from(self.to).saturating_sub(i64::from(self.from)).max(1);
        let points = i64::from(self.weight).saturating_mul(over.min(span)) / span;
        u16::try_from(points).unwrap_or(self.weight)
    }
}

/// How many of each the guard remembers; beyond, the ones touched longest ago are forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Limits {
    /// Requesters, about 1 KiB each at most.
    #[n(0)]
    pub requesters: u32,
    /// Pairs of requester and dataset, about 0.2 KiB each.
    #[n(1)]
    pub pairs: u32,
    /// Datasets, about 0.1 KiB each.
    #[n(2)]
    pub datasets: u32,
}

/// Most requesters a guard remembers by default.
pub const MAX_TRACKED_REQUESTERS: u32 = 100_000;
/// Most pairs of requester and dataset.
pub const MAX_TRACKED_PAIRS: u32 = 400_000;
/// Most datasets.
pub const MAX_TRACKED_DATASETS: u32 = 100_000;

/// Everything that shapes a verdict. The defaults are chosen by hand; each says why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Parameters {
    /// Score from which a request waits for the owner: 5000. No single habit broken reaches it, two or three do.
    #[n(0)]
    pub hold_at: u16,
    /// Score from which it is refused: 9000. Only bursts reach it.
    #[n(1)]
    pub deny_at: u16,
    /// Requests in the last minute above the requester's own pace: 20 to 60 for 10000. A person clicking makes
    /// fewer than 20; above 55 it is refused whatever else is known.
    #[n(2)]
    pub pace: Ramp,
    /// Denials in the last hour: 3 to 20 for 9000. Three are mistakes, twenty are probing.
    #[n(3)]
    pub denials: Ramp,
    /// Distinct datasets in the last hour: 8 to 24 for 6000. A ward round touches a few, a crawl all.
    #[n(4)]
    pub fan_out: Ramp,
    /// By novelty level (known, new purpose, new dataset, new requester): 0, 1000, 1500, 2000. Everybody is new
    /// once, so that alone must pass.
    #[n(5)]
    pub novelty: [u16; 4],
    /// Basis points by which the share of past activity at this hour of day falls short of 400: 0 to 400 for 2500.
    #[n(6)]
    pub quiet_hour: Ramp,
    /// Any sensitivity label: 1500. It tips the balance, never alone.
    #[n(7)]
    pub labels: u16,
    /// Records in percent of this requester's usual number on this dataset: 500 to 5000 for 3000.
    #[n(8)]
    pub bulk: Ramp,
    /// Everybody's requests for the dataset in the last minute: 300 to 1500 for 3000.
    #[n(9)]
    pub crowd: Ramp,
    /// Active hours to learn before a requester's pace or usual number of records counts: 5.
    #[n(10)]
    pub least_hours: u32,
    /// Active hours to learn before its hours of day count: 20. Before, no hour is unusual.
    #[n(11)]
    pub least_hours_of_day: u32,
    /// How often its own average pace a requester may go in one minute: 3.
    #[n(12)]
    pub pace_factor: u32,
    /// Most requests a minute that can be learnt to be usual: 600. Patience must not buy more.
    #[n(13)]
    pub most_usual_per_minute: u32,
    /// How much is remembered.
    #[n(14)]
    pub limits: Limits,
    /// Basis points of the strange requests for which a proof is asked that may be ordinary: 5000. A proof costs
    /// little, and of a tenth nothing would ever be found where little is misuse. 0 asks for none.
    #[n(15)]
    pub false_findings: u16,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            hold_at: 5000,
            deny_at: 9000,
            pace: Ramp { from: 20, to: 60, weight: 10_000 },
            denials: Ramp { from: 3, to: 20, weight: 9000 },
            fan_out: Ramp { from: 8, to: 24, weight: 6000 },
            novelty: [0, 1000, 1500, 2000],
            quiet_hour: Ramp { from: 0, to: 400, weight: 2500 },
            labels: 1500,
            bulk: Ramp { from: 500, to: 5000, weight: 3000 },
            crowd: Ramp { from: 300, to: 1500, weight: 3000 },
            least_hours: 5,
            least_hours_of_day: 20,
            pace_factor: 3,
            most_usual_per_minute: 600,
            limits: Limits {
                requesters: MAX_TRACKED_REQUESTERS,
                pairs: MAX_TRACKED_PAIRS,
                datasets: MAX_TRACKED_DATASETS,
            },
            false_findings: 5000,
        }
    }
}

/// Checked parameters with their digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    parameters: Parameters,
    digest: Digest,
}

impl Default for Model {
    fn default() -> Self {
        Self::of(Parameters::default())
    }
}

impl Model {
    /// Check parameters.
    ///
    /// # Errors
    /// [`ModelError`], naming the parameter.
    pub fn new(parameters: Parameters) -> Result<Self, ModelError> {
        let p = &parameters;
        let ramps = [
            ("pace", p.pace),
            ("denials", p.denials),
            ("fan_out", p.fan_out),
            ("quiet_hour", p.quiet_hour),
            ("bulk", p.bulk),
            ("crowd", p.crowd),
        ];
        let weights = ramps.iter().map(|(name, ramp)| (*name, ramp.weight));
        let others = [
            ("hold_at", p.hold_at),
            ("deny_at", p.deny_at),
            ("labels", p.labels),
            ("false_findings", p.false_findings),
        ];
        let novelty = p.novelty.iter().map(|weight| ("novelty", *weight));
        let beyond = weights.chain(others).chain(novelty).find(|(_, given)| *given > 10_000);
        if let Some((name, given)) = beyond {
            return Err(ModelError::BeyondScale { name, given });
        }
        if let Some((name, _)) = ramps.iter().find(|(_, ramp)| ramp.from >= ramp.to) {
            return Err(ModelError::Ramp { name });
        }
        if p.hold_at == 0 || p.hold_at > p.deny_at {
            return Err(ModelError::Thresholds { hold_at: p.hold_at, deny_at: p.deny_at });
        }
        if !p.novelty.is_sorted() {
            return Err(ModelError::Novelty);
        }
        Ok(Self::of(parameters))
    }

    fn of(parameters: Parameters) -> Self {
        let bytes = secnet_types::encode(&parameters);
        let digest = Digest::of_parts("secnet/guard/model/v1", &[CODE_VERSION, &bytes]);
        Self { parameters, digest }
    }

    /// The parameters.
    #[must_use]
    pub const fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// What decisions record: the digest of parameters and code version.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }
}
