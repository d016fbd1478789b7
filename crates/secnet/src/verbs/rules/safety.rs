//! What no rule may do at this data centre, whoever wrote it: what the network's safety list says, and what the own past
//! shows.

use std::collections::BTreeSet;

use secnet_app::{PastRequest, Source};
use secnet_types::{MemberId, Party, Rule, RuleAction, SafetyList};

use crate::failure::Failure;
use crate::node::Node;

/// With so many different requesters in the past, stopping each of them is stopping everyone.
const LEAST_REQUESTERS: usize = 3;
/// What a rule that passes was checked for.
pub(super) const CHECKED: [&str; 5] = [
    "not everyone",
    "not the owners",
    "not its author",
    "no treatment that nobody objected to",
    "no data of owners who objected to nothing like it",
];

/// Why the rule must not be enforced here, as a sentence.
pub(super) fn against(
    node: &Node,
    rule: &Rule,
    author: MemberId,
    past: &[PastRequest],
) -> Option<String> {
    let spared = BTreeSet::from([author, node.pdc.member]);
    // Whoever owns something is spared where that is, and nowhere else: or one could register a dataset and misuse others.
    let owners = node.pdc.view(|view| {
        let all = view.state.datasets();
        let within = all.filter(|(id, _)| rule.scope().dataset.is_none_or(|only| only == *id));
        within.map(|(_, dataset)| dataset.owner).collect::<BTreeSet<_>>()
    });
    let all = owners.iter().flatten().chain(&spared);
    let parties = all.flat_map(|id| [Party::Member(*id), Party::Organisation(*id)]);
    let list = SafetyList { parties: parties.collect(), ..SafetyList::default() };
    if let Err(error) = list.check(rule) {
        return Some(error.to_string());
    }
    if rule.action() == RuleAction::Flag {
        return None;
    }
    let met: Vec<&PastRequest> = past.iter().filter(|request| request.meets(rule)).collect();
    if met.iter().any(|request| request.requester == request.owner) {
        return Some("it would have stopped an owner at her own data".into());
    }
    if met.iter().any(|request| spared.contains(&request.requester)) {
        return Some("it would have stopped its author or the data centre".into());
    }
    stops_everyone(&met, past)
}

/// A response is aimed at somebody, or at a whole dataset, on purpose and for a while. What the network's safety list says holds for it too, and
/// it stops neither the data centre nor an owner at her own data.
pub(super) fn aimed(node: &Node, rule: &Rule, past: &[PastRequest]) -> Result<(), Failure> {
    let own = node.pdc.member;
    let parties = BTreeSet::from([Party::Member(own), Party::Organisation(own)]);
    let list = SafetyList { parties, ..SafetyList::default() };
    list.check(rule).map_err(|error| unsafe_rule(&error.to_string()))?;
    let spared =
        |request: &&PastRequest| request.requester == request.owner || request.requester == own;
    if past.iter().filter(|request| request.meets(rule)).any(|request| spared(&request)) {
        return Err(unsafe_rule(
            "it would have stopped an owner at her own data, or the data centre",
        ));
    }
    Ok(())
}

/// Would stopping these have stopped every requester that nobody objected to? As a sentence, if so.
pub(crate) fn stops_everyone(met: &[&PastRequest], past: &[PastRequest]) -> Option<String> {
    let everyone = unobjected_requesters(past.iter());
    let all =
        everyone >= LEAST_REQUESTERS && unobjected_requesters(met.iter().copied()) == everyone;
    all.then(|| {
        format!(
            "it would have stopped everyone: each of the {everyone} requesters that nobody objected to"
        )
    })
}

/// How many of these are uses for treatment that nobody objected to.
pub(crate) fn treated(met: &[&PastRequest]) -> usize {
    let treated = |request: &&&PastRequest| {
        request.unobjected() && request.purpose == secnet_types::Purpose::Treatment
    };
    met.iter().filter(treated).count()
}

fn unobjected_requesters<'p>(requests: impl Iterator<Item = &'p PastRequest>) -> usize {
    let ids = requests.filter(|request| request.unobjected()).map(|request| request.requester);
    ids.collect::<BTreeSet<_>>().len()
}

/// How many uses for treatment that nobody objected to a rule would have stopped.
pub(super) fn treatment_stopped(rule: &Rule, past: &[PastRequest]) -> usize {
    treated(&past.iter().filter(|request| request.meets(rule)).collect::<Vec<_>>())
}

/// How many uses of the data of owners who objected to nothing of the kind a rule would have stopped: what one owner says, or
/// makes up, is about her own data. The analyst's word counts for all.
pub(super) fn others_stopped(rule: &Rule, past: &[PastRequest]) -> usize {
    let met: Vec<&PastRequest> = past.iter().filter(|request| request.meets(rule)).collect();
    let misuse = || met.iter().filter(|met| met.known.is_some_and(|known| known.misuse));
    if misuse().any(|met| met.known.is_some_and(|known| known.by == Source::Analyst)) {
        return 0;
    }
    let objecting: BTreeSet<MemberId> = misuse().map(|met| met.owner).collect();
    met.iter().filter(|met| met.unobjected() && !objecting.contains(&met.owner)).count()
}

/// Nothing that is unsafe is offered or put in force.
pub(super) fn safe(
    node: &Node,
    rule: &Rule,
    author: MemberId,
    past: &[PastRequest],
) -> Result<(), Failure> {
    match against(node, rule, author, past) {
        None => Ok(()),
        Some(why) => Err(unsafe_rule(&why)),
    }
}

pub(super) fn unsafe_rule(why: &str) -> Failure {
    Failure::new("unsafe-rule", format!("the rule must not be enforced: {why}"))
        .hint("narrow it, or let it only flag")
}

#[cfg(test)]
mod tests {
    use super::*;
    use secnet_app::Judged;
    use secnet_types::{
        Amount, Condition, DatasetId, DecisionId, Digest, Feature, FeatureValue, FeatureVector,
        GrantId, Purpose, ReasonClass, RuleScope, Timestamp, Verdict,
    };

    fn request(who: u8, requests: u64, purpose: Purpose, misuse: Option<bool>) -> PastRequest {
        let mut features = FeatureVector::new();
        features.set(Feature::RequestsLastMinute, FeatureValue::count(requests)).unwrap();
        PastRequest {
            decision: DecisionId([0; 16]),
            time: Timestamp(0),
            dataset: DatasetId([1; 16]),
            owner: MemberId([1; 32]),
            requester: MemberId([who; 32]),
            purpose,
            verdict: Verdict::Allow {
                grant: GrantId([1; 16]),
                price: Amount::ZERO,
                scope: Digest::ZERO,
                records: 1,
                collect_by: Timestamp(0),
            },
            features,
            parties: Vec::new(),
            known: misuse.map(|misuse| Judged { misuse, by: Source::Owner }),
            learnt: Vec::new(),
        }
    }

    #[test]
    fn treatment_that_nobody_objected_to_is_counted_and_nothing_else() {
        let above = Condition::above(Feature::RequestsLastMinute, 3).unwrap();
        let rule =
            Rule::new(RuleAction::Hold, vec![above], RuleScope::ALL, Timestamp::MAX).unwrap();
        let (treatment, research) = (Purpose::Treatment, Purpose::Research);
        let mut past = vec![
            request(2, 9, treatment, Some(true)),
            request(3, 9, research, None),
            request(4, 2, treatment, None),
        ];
        assert_eq!(treatment_stopped(&rule, &past), 0);
        assert_eq!(unobjected_requesters(past.iter()), 2);
        // One that was stopped already is stopped no more than before.
        let denied = Verdict::Deny { reason: ReasonClass::Guard };
        past.push(PastRequest { verdict: denied, ..request(5, 9, treatment, None) });
        assert_eq!(treatment_stopped(&rule, &past), 0);
        past.push(request(6, 9, treatment, None));
        past.push(request(7, 4, treatment, Some(false)));
        assert_eq!(treatment_stopped(&rule, &past), 2);
    }

    #[test]
    fn what_one_owner_says_stops_no_uses_of_the_data_of_others() {
        let above = Condition::above(Feature::RequestsLastMinute, 3).unwrap();
        let rule =
            Rule::new(RuleAction::Hold, vec![above], RuleScope::ALL, Timestamp::MAX).unwrap();
        let research = Purpose::Research;
        let of = |owner: u8, request: PastRequest| PastRequest {
            owner: MemberId([owner; 32]),
            dataset: DatasetId([owner; 16]),
            ..request
        };
        // Of her own data she may have stopped what she did not speak about; others' that are no such uses are not met.
        let mut past = vec![
            request(2, 9, research, Some(true)),
            request(3, 9, research, None),
            of(9, request(4, 2, research, None)),
        ];
        assert_eq!(others_stopped(&rule, &past), 0);
        past.push(of(9, request(4, 9, research, None)));
        past.push(of(8, request(5, 9, research, Some(false))));
        assert_eq!(others_stopped(&rule, &past), 2);
        // Somebody else has found the same.
        past.push(of(9, request(6, 9, research, Some(true))));
        assert_eq!(others_stopped(&rule, &past), 1);
        let analyst = Some(Judged { misuse: true, by: Source::Analyst });
        past.push(PastRequest { known: analyst, ..request(7, 9, research, None) });
        assert_eq!(others_stopped(&rule, &past), 0);
    }
}
