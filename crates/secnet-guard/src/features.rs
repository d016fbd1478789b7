//! What is known of a request when it is judged: from the request itself and from what was learnt before it.

use secnet_types::{Feature, FeatureValue, FeatureVector};

use crate::guard::{Pair, Requester, bit};
use crate::window::{HOUR_MS, MINUTE_MS};
use crate::{Event, Guard};

const DAY_MS: u64 = 24 * HOUR_MS;

impl Guard {
    /// The features of a request that has not been observed yet, for detector and rules alike.
    #[must_use]
    pub fn features(&self, event: &Event) -> FeatureVector {
        let mut facts = FeatureVector::new();
        request(&mut facts, event);
        let requester = self.requesters.value(&event.requester).map(AsRef::as_ref);
        let pair = self.pairs.value(&(event.requester, event.dataset));
        self.pace(&mut facts, event, requester);
        self.habits(&mut facts, event, requester, pair);
        let at = event.at.0;
        let crowd =
            self.datasets.value(&event.dataset).map_or(0, |d| d.minute.estimate(at, MINUTE_MS));
        count(&mut facts, Feature::DatasetRequestsLastMinute, crowd.saturating_add(1));
        self.throttling(&mut facts, event);
        if let Some(profile) = requester.and_then(|requester| requester.profile.as_ref()) {
            profile.tell(&mut facts, event);
        }
        self.related(&mut facts, event);
        self.strangeness_of(&mut facts, event);
        facts
    }

    fn pace(&self, facts: &mut FeatureVector, event: &Event, requester: Option<&Requester>) {
        let p = self.model.parameters();
        let at = event.at.0;
        let minute = requester.map_or(0, |r| r.minute.estimate(at, MINUTE_MS)).saturating_add(1);
        let hour = requester.map_or(0, |r| r.hour.estimate(at, HOUR_MS)).saturating_add(1);
        let denials = requester.map_or(0, |r| r.denials.estimate(at, HOUR_MS));
        let datasets = requester.map_or(1, |r| r.distinct_datasets(event.dataset, at));
        let usual = requester.and_then(|r| r.pace.mean_milli(p.least_hours)).unwrap_or(0);
        // From thousandths an hour to whole requests a minute.
        let pace = usual.saturating_mul(p.pace_factor.into()) / (1000 * 60);
        let excess = minute.saturating_sub(pace.min(p.most_usual_per_minute.into()));
        count(facts, Feature::RequestsLastMinute, minute);
        count(facts, Feature::RequestsLastHour, hour.max(minute));
        count(facts, Feature::ExcessLastMinute, excess);
        count(facts, Feature::DenialsLastHour, denials);
        count(facts, Feature::DistinctDatasetsLastHour, datasets);
        if let Some(requester) = requester {
            let seconds = at.saturating_sub(requester.last_ms) / 1000;
            count(facts, Feature::SecondsSinceLastRequest, seconds);
        }
    }

    fn habits(
        &self,
        facts: &mut FeatureVector,
        event: &Event,
        requester: Option<&Requester>,
        pair: Option<&Pair>,
    ) {
        let p = self.model.parameters();
        let novelty = match (requester.is_some_and(|r| r.known), pair) {
            (false, _) => 3,
            (true, None) => 2,
            (true, Some(pair)) => u64::from(pair.purposes & bit(event.purpose) == 0),
        };
        count(facts, Feature::Novelty, novelty);
        if let Some(share) = requester
            .filter(|r| r.active_hours() >= p.least_hours_of_day)
            .map(|r| hour_share(r, hour_of_day(event.at.0)))
        {
            count(facts, Feature::HourShare, share);
        }
        if let Some(usual) = pair.and_then(|pair| pair.records.mean_milli(p.least_hours)) {
            let percent = u64::from(event.records).saturating_mul(100_000) / usual.max(1);
            count(facts, Feature::PercentOfUsualRecords, percent);
        }
    }
}

/// What the request says by itself.
fn request(facts: &mut FeatureVector, event: &Event) {
    let at = event.at.0;
    count(facts, Feature::RecordsRequested, event.records.into());
    count(facts, Feature::HourOfDay, hour_of_day(at));
    // 1970-01-01 was a Thursday, day 3 of a week that begins on Monday.
    count(facts, Feature::DayOfWeek, (at / DAY_MS + 3) % 7);
    if let Some(price) = event.price {
        count(facts, Feature::PriceMicros, price.0);
    }
    let categories =
        event.categories.iter().fold(0, |mask, category| mask | 1 << category.number());
    words(facts, Feature::Labels, event.labels.bits().into());
    words(facts, Feature::Categories, categories);
    words(facts, Feature::Purpose, 1 << event.purpose.number());
    words(facts, Feature::Action, 1 << event.action.number());
    words(facts, Feature::Emergency, if event.emergency { 2 } else { 1 });
    words(facts, Feature::OwnKey, if event.own_key { 2 } else { 1 });
    set(facts, Feature::Door, FeatureValue::Text(event.door.clone()));
    if let Some(source) = event.source {
        set(facts, Feature::Source, FeatureValue::Address(source));
    }
}

const fn hour_of_day(at_ms: u64) -> u64 {
    at_ms / HOUR_MS % 24
}

/// Basis points of the active hours that fell on this hour of day or the ones beside it.
fn hour_share(requester: &Requester, hour: u64) -> u64 {
    let near = [(hour + 23) % 24, hour, (hour + 1) % 24];
    let bins = (0_u64..).zip(&requester.hours).filter(|(bin, _)| near.contains(bin));
    let active: u64 = bins.map(|(_, count)| u64::from(*count)).sum();
    active.saturating_mul(10_000) / u64::from(requester.active_hours().max(1))
}

pub(crate) fn count(facts: &mut FeatureVector, feature: Feature, number: u64) {
    set(facts, feature, FeatureValue::count(number));
}

pub(crate) fn words(facts: &mut FeatureVector, feature: Feature, mask: u64) {
    set(facts, feature, FeatureValue::Words(mask));
}

fn set(facts: &mut FeatureVector, feature: Feature, value: FeatureValue) {
    // INVARIANT: every caller passes a value of the feature's kind; a test sets and reads back all of them.
    let set = facts.set(feature, value);
    debug_assert!(set.is_ok());
}
