//! The rules once more, as plainly as they can be said, without Cedar, slicing or saturation.

use secnet_types::*;

use crate::*;

/// What should be decided.
pub(super) fn naive(slice: &ConsentSlice, q: &Question, r: &RecordMeta) -> PolicyVerdict {
    let break_glass = forbidding(slice, q, r, true);
    let ordinary = forbidding(slice, q, r, false);
    let asked_in_emergency = q.purpose == Purpose::Emergency;
    let mut grants = Vec::new();
    for fact in slice.grants.iter().filter(|fact| permits(slice, fact, q, r)) {
        let free = if fact.grant.emergency { break_glass.is_empty() } else { ordinary.is_empty() };
        if free {
            grants.push(Permitted {
                grant: fact.id,
                price: fact.grant.price,
                emergency: fact.grant.emergency,
                fields: match (&q.fields, &fact.detail.scope.fields) {
                    (Some(asked), _) => Some(asked.clone()),
                    (None, granted) => granted.clone().map(Into::into),
                },
            });
        }
    }
    grants.sort_by_key(|g| (g.price, g.grant));
    let mut causes = ordinary;
    if asked_in_emergency {
        causes.extend(break_glass);
    }
    causes.sort();
    causes.dedup();
    if !grants.is_empty() {
        PolicyVerdict::Permit(grants)
    } else if causes.is_empty() {
        PolicyVerdict::Deny(DenyCause::NoGrant)
    } else {
        PolicyVerdict::Deny(DenyCause::Forbidden(causes))
    }
}

fn is(q: &Question, party: Party) -> bool {
    party == Party::Member(q.requester)
        || (q.parties.contains(&party) && !matches!(party, Party::Member(_)))
}

fn permits(slice: &ConsentSlice, fact: &GrantFact, q: &Question, r: &RecordMeta) -> bool {
    let (grant, detail, scope) = (&fact.grant, &fact.detail, &fact.detail.scope);
    if !is(q, grant.grantee) || !grant.window.contains(q.time) {
        return false;
    }
    if grant.price > q.max_price || grant.price.0 >= i64::MAX as u64 {
        return false; // nobody can pay the largest prices
    }
    if fact.uses_left == Some(0) || (q.used_up.contains(&fact.id) && fact.uses_left.is_some()) {
        return false;
    }
    if grant.emergency && q.purpose != Purpose::Emergency {
        return false;
    }
    if !detail.purposes.contains(&q.purpose) || !detail.actions.contains(&q.action) {
        return false;
    }
    if let Some(granted) = &scope.fields {
        let hosted = slice.terms.level == ServiceLevel::Hosted;
        let asked = q.fields.as_ref().map_or_else(Default::default, |f| (**f).clone());
        if !hosted || granted.is_empty() || !asked.is_subset(granted) {
            return false;
        }
    }
    if r.period.is_some_and(|p| p.from > p.until) && scope.period.is_some() {
        return false; // a data time that ends before it starts is none
    }
    scope.covers(r)
}

fn forbidding(slice: &ConsentSlice, q: &Question, r: &RecordMeta, glass: bool) -> Vec<PolicyName> {
    let mut names = Vec::new();
    let terms = &slice.terms;
    if q.time >= terms.expires {
        names.push(PolicyName::Term(Term::Expiry));
    }
    if !glass && terms.purposes.as_ref().is_some_and(|p| !p.contains(&q.purpose)) {
        names.push(PolicyName::Term(Term::Purposes));
    }
    if terms.actions.as_ref().is_some_and(|a| !a.contains(&q.action)) {
        names.push(PolicyName::Term(Term::Actions));
    }
    if terms.level == ServiceLevel::Sealed && q.fields.is_some() {
        names.push(PolicyName::Term(Term::Fields));
    }
    for fact in &slice.denials {
        if forbids(fact, q, r) && (!glass || fact.denial.even_in_emergency) {
            names.push(PolicyName::Denial(fact.id));
        }
    }
    names
}

fn forbids(fact: &DenialFact, q: &Question, r: &RecordMeta) -> bool {
    if !is(q, fact.denial.party) || !fact.denial.window.contains(q.time) {
        return false;
    }
    let Some(detail) = &fact.detail else { return true };
    if !detail.purposes.contains(&q.purpose) || !detail.actions.contains(&q.action) {
        return false;
    }
    let scope = &detail.scope;
    if scope.records.as_ref().is_some_and(|all| !all.contains(&r.id))
        || scope.kinds.as_ref().is_some_and(|all| !all.contains(&r.kind))
        || scope.categories.as_ref().is_some_and(|all| !all.contains(&r.category))
    {
        return false;
    }
    let labelled = match scope.labels {
        None => true,
        Some(denied) if denied.is_empty() => r.labels.is_empty(),
        Some(denied) => r.labels.iter().any(|label| denied.contains(label)),
    };
    let timely = match (scope.period, r.period) {
        (Some(denied), Some(p)) if p.from <= p.until => {
            // The moments of the record, an instant for the empty span, against the denied ones.
            (p.until > denied.from || p.from >= denied.from) && p.from < denied.until
        }
        _ => true,
    };
    let fields = match (&scope.fields, &q.fields) {
        (None, _) => true,
        (Some(denied), None) => !denied.is_empty(),
        (Some(denied), Some(asked)) => asked.intersection(denied).next().is_some(),
    };
    labelled && timely && fields
}
