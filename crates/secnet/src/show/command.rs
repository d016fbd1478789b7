//! Commands as JSON: what an author signs.

use secnet_types::{
    Amount, Answer, Ask, Change, DatasetId, Delegation, Denial, GovernorApproval, Grant,
    GrantDetail, HoldAnswer, MemberId, NetworkNode, Operation, Party, Power, Powers, Proposal,
    Scope, Session, SignedCommand, Terms, Window, encode,
};
use serde_json::{Map, Value, json};

use super::{did, finding, hex, reason};
use crate::keystore::kind_word;

/// The command as it is signed: its parts, and the bytes that the signature covers.
pub(crate) fn command(command: &SignedCommand) -> Value {
    let value = &command.value;
    json!({
        "network": value.network.to_string(),
        "author": value.author.to_string(),
        "id": value.id.to_string(),
        "expires": value.expires.to_string(),
        "operation": word(&value.operation),
        "with": with(&value.operation),
        "payload": hex(&encode(value)),
    })
}

/// What it costs its author, or the price of one use that it offers or sets.
pub(crate) fn price(operation: &Operation) -> Amount {
    match operation {
        Operation::Grant { grant }
        | Operation::AnswerAsk { answer: Answer::Approve(grant), .. } => grant.price,
        Operation::AnswerAsk { answer: Answer::Counter { price, .. }, .. } => {
            price.unwrap_or(Amount::ZERO)
        }
        Operation::OpenAsk { ask } => ask.price,
        Operation::AcceptCounter { bargain, .. } => bargain.price,
        Operation::RegisterDataset { terms, .. }
        | Operation::UpdateDataset { terms, .. }
        | Operation::AcceptDataset { terms, .. } => terms.price,
        Operation::Transfer { amount, .. }
        | Operation::Redeem { amount }
        | Operation::FundGrant { amount, .. } => *amount,
        Operation::BuyRule { price, .. } => *price,
        _ => Amount::ZERO,
    }
}

macro_rules! words {
    ($($variant:ident $word:literal,)*) => {
        fn word(operation: &Operation) -> &'static str {
            match operation { $(Operation::$variant { .. } => $word,)* }
        }
    };
}

words! {
    Govern "govern",
    Vouch "vouch",
    Disown "disown",
    RotateKey "rotate-key",
    CreateGroup "create-group",
    ChangeGroup "change-group",
    RegisterDataset "register-dataset",
    UpdateDataset "update-dataset",
    WithdrawDataset "withdraw-dataset",
    OfferDataset "offer-dataset",
    AcceptDataset "accept-dataset",
    OpenAsk "open-ask",
    AnswerAsk "answer-ask",
    AcceptCounter "accept-counter",
    WithdrawAsk "withdraw-ask",
    Grant "grant",
    Revoke "revoke",
    Deny "deny",
    LiftDenial "lift-denial",
    Delegate "delegate",
    EndDelegation "end-delegation",
    OpenSession "open-session",
    EndSession "end-session",
    RecordDecision "record-decision",
    SummariseDenials "summarise-denials",
    AnswerHold "answer-hold",
    ConfirmCollection "confirm-collection",
    ReportFailure "report-failure",
    ReviewEmergency "review-emergency",
    Transfer "transfer",
    Redeem "redeem",
    FundGrant "fund-grant",
    PublishRule "publish-rule",
    BuyRule "buy-rule",
    InstallRule "install-rule",
    RemoveRule "remove-rule",
    RecordErasure "record-erasure",
    MoveDataset "move-dataset",
}

#[expect(clippy::too_many_lines, reason = "a dispatcher: one arm for each operation")]
fn with(operation: &Operation) -> Value {
    match operation {
        Operation::Govern { proposal, approvals } => proposed(proposal, approvals),
        Operation::Vouch { card } => json!({
            "kind": kind_word(card.value.kind), "key": did(card.envelope.key),
            "sealing_key": card.value.sealing_key.to_string(),
            "voucher": card.value.voucher.map(|id| id.to_string()),
        }),
        Operation::Disown { member } => json!({ "member": member.to_string() }),
        Operation::RotateKey { rotation } => json!({
            "member": rotation.value.member.to_string(), "key": did(rotation.envelope.key),
            "sealing_key": rotation.value.sealing_key.to_string(),
        }),
        Operation::CreateGroup => json!({}),
        Operation::ChangeGroup { group, add, remove } => json!({
            "group": group.to_string(), "add": ids(add), "remove": ids(remove),
        }),
        Operation::RegisterDataset { pdc, terms, manifest } => {
            dataset(None, *pdc, terms, *manifest)
        }
        Operation::UpdateDataset { dataset: id, pdc, terms, manifest }
        | Operation::AcceptDataset { dataset: id, pdc, terms, manifest } => {
            dataset(Some(*id), *pdc, terms, *manifest)
        }
        Operation::MoveDataset { arrival } => {
            let said = &arrival.value;
            json!({
                "dataset": said.dataset.to_string(), "from": said.from.to_string(),
                "to": said.to.to_string(), "manifest": said.manifest.to_string(),
                "said": said.said.to_string(),
            })
        }
        Operation::WithdrawDataset { dataset } => json!({ "dataset": dataset.to_string() }),
        Operation::OfferDataset { dataset, to } => json!({
            "dataset": dataset.to_string(), "to": to.map(|id| id.to_string()),
        }),
        Operation::OpenAsk { ask } => asked(ask),
        Operation::AnswerAsk { ask, answer } => answered(&ask.to_string(), answer),
        Operation::AcceptCounter { ask, bargain } => json!({
            "ask": ask.to_string(), "price": bargain.price.to_string(), "uses": bargain.uses,
            "window": window(bargain.window),
        }),
        Operation::WithdrawAsk { ask } => json!({ "ask": ask.to_string() }),
        Operation::Grant { grant } => granted(grant),
        Operation::Revoke { grant, reason: why } => json!({
            "grant": grant.to_string(), "reason": reason(*why),
        }),
        Operation::Deny { denial } => denied(denial),
        Operation::LiftDenial { denial } => json!({ "denial": denial.to_string() }),
        Operation::Delegate { delegation } => delegated(delegation),
        Operation::EndDelegation { owner, delegate, dataset } => json!({
            "owner": owner.to_string(), "delegate": delegate.to_string(),
            "dataset": dataset.map(|id| id.to_string()),
        }),
        Operation::OpenSession { session } => opened(session),
        Operation::EndSession { key } => json!({ "key": did(*key) }),
        // A data centre's own commands, which no verb signs for anybody.
        Operation::RecordDecision { decision } => json!({
            "requester": decision.request.value.requester.to_string(),
            "dataset": decision.request.value.dataset.to_string(),
            "verdict": super::verdict(&decision.verdict),
        }),
        Operation::SummariseDenials { summary } => json!({ "count": summary.count }),
        Operation::ConfirmCollection { collected } => json!({ "requests": collected.len() }),
        Operation::ReportFailure { requester, request } => json!({
            "requester": requester.to_string(), "request": request.to_string(),
        }),
        Operation::AnswerHold { decision, answer } => json!({
            "decision": decision.to_string(),
            "answer": match answer { HoldAnswer::Release => "release", HoldAnswer::Refuse => "keep" },
        }),
        Operation::ReviewEmergency { review } => json!({
            "requester": review.requester.to_string(), "request": review.request.to_string(),
            "finding": finding(review.finding),
        }),
        Operation::Transfer { to, amount } => json!({
            "to": to.to_string(), "amount": amount.to_string(),
        }),
        Operation::Redeem { amount } => json!({ "amount": amount.to_string() }),
        Operation::FundGrant { grant, amount } => json!({
            "grant": grant.to_string(), "amount": amount.to_string(),
        }),
        Operation::PublishRule { listing } => json!({
            "rule": listing.rule.to_string(), "price": listing.price.to_string(),
            "evidence": listing.evidence.to_string(), "expires": listing.expires.to_string(),
        }),
        Operation::BuyRule { rule, price } => json!({
            "rule": rule.to_string(), "price": price.to_string(),
        }),
        Operation::InstallRule { rule, until, simulate } => json!({
            "rule": rule.to_string(), "until": until.to_string(), "simulate": simulate,
        }),
        Operation::RemoveRule { rule } => json!({ "rule": rule.to_string() }),
        Operation::RecordErasure { dataset, erased, last_backup_dies, whole } => json!({
            "dataset": dataset.to_string(), "erased": erased.len(), "whole": whole,
            "last_backup_dies": last_backup_dies.to_string(),
        }),
    }
}

/// What governors propose, and who has approved it.
pub(crate) fn proposed(proposal: &Proposal, approvals: &[GovernorApproval]) -> Value {
    let governors: Vec<_> = approvals.iter().map(|a| a.governor.to_string()).collect();
    json!({
        "proposal": proposal.id.to_string(), "expires": proposal.expires.to_string(),
        "change": change(&proposal.change), "approved_by": governors,
    })
}

fn change(change: &Change) -> Value {
    match change {
        Change::Admit(card) => json!({
            "admit": MemberId(card.envelope.key).to_string(), "kind": kind_word(card.value.kind),
        }),
        Change::Suspend(member) => json!({ "suspend": member.to_string() }),
        Change::Reinstate(member) => json!({ "reinstate": member.to_string() }),
        Change::Issue { to, amount } => json!({
            "issue": amount.to_string(), "to": to.to_string(),
        }),
        Change::Pay { to, amount } => json!({ "pay": amount.to_string(), "to": to.to_string() }),
        Change::SetParameters(_) => json!({ "set": "parameters" }),
        Change::SetGovernors { governors, threshold } => json!({
            "set": "governors", "governors": ids(governors), "threshold": threshold,
        }),
        Change::Close { successor } => json!({ "close_for": successor.to_string() }),
        Change::SetNodes { epoch, nodes } => json!({
            "set": "nodes", "epoch": epoch, "validators": nodes_of(&nodes.validators),
            "followers": nodes_of(&nodes.followers),
            "release": nodes.release.as_ref().map(|all| {
                all.iter().map(|it| it.member.to_string()).collect::<Vec<_>>()
            }),
        }),
    }
}

/// Nodes of a network, and where they are reached.
pub(crate) fn nodes_of(nodes: &[NetworkNode]) -> Value {
    let node = |node: &NetworkNode| json!({ "id": MemberId(node.key.0).to_string(), "address": node.address.map(|at| at.to_string()) });
    nodes.iter().map(node).collect()
}

fn dataset(
    id: Option<DatasetId>,
    pdc: MemberId,
    terms: &Terms,
    manifest: secnet_types::Digest,
) -> Value {
    json!({
        "dataset": id.map(|id| id.to_string()), "data_centre": pdc.to_string(), "terms": self::terms(terms),
        "manifest": manifest.to_string(),
    })
}

/// The typed terms of a dataset.
pub(crate) fn terms(terms: &Terms) -> Value {
    let shares: Vec<_> = terms
        .beneficiaries
        .iter()
        .map(|b| json!({ "member": b.member.to_string(), "percent": percent(b.share.points()) }))
        .collect();
    json!({
        "price": terms.price.to_string(), "level": terms.level.as_str(), "until": until(terms.expires),
        "max_uses": terms.max_uses, "beneficiaries": shares, "detail": terms.detail.to_string(),
    })
}

fn percent(points: u16) -> String {
    let (whole, rest) = (points / 100, points % 100);
    if rest == 0 { whole.to_string() } else { format!("{whole}.{rest:02}") }
}

/// A moment, or nothing for "no end".
pub(crate) fn until(at: secnet_types::Timestamp) -> Option<String> {
    (at != secnet_types::Timestamp::MAX).then(|| at.to_string())
}

fn asked(ask: &Ask) -> Value {
    json!({
        "dataset": ask.dataset.to_string(), "for": party(ask.grantee), "price": ask.price.to_string(),
        "uses": ask.uses, "window": window(ask.window), "answer_by": ask.deadline.to_string(),
        "detail": ask.detail.to_string(),
    })
}

fn answered(ask: &str, answer: &Answer) -> Value {
    match answer {
        Answer::Approve(grant) => json!({ "ask": ask, "approve": granted(grant) }),
        Answer::Refuse(why) => json!({ "ask": ask, "refuse": reason(*why) }),
        Answer::Counter { price, uses, window: when } => json!({
            "ask": ask,
            "counter": {
                "price": price.map(|p| p.to_string()), "uses": uses, "window": window(*when),
            },
        }),
    }
}

fn granted(grant: &Grant) -> Value {
    json!({
        "dataset": grant.dataset.to_string(), "to": party(grant.grantee), "price": grant.price.to_string(),
        "uses": grant.uses, "window": window(grant.window), "emergency": grant.emergency,
        "detail": grant.detail.to_string(), "wraps": grant.wraps.to_string(),
    })
}

fn denied(denial: &Denial) -> Value {
    json!({
        "dataset": denial.dataset.map(|id| id.to_string()), "party": party(denial.party),
        "window": window(denial.window), "even_in_emergency": denial.even_in_emergency,
        "detail": denial.detail.map(|d| d.to_string()),
    })
}

fn delegated(delegation: &Delegation) -> Value {
    json!({
        "delegate": delegation.delegate.to_string(), "powers": powers(delegation.powers),
        "dataset": delegation.dataset.map(|id| id.to_string()), "window": window(delegation.window),
    })
}

fn opened(session: &Session) -> Value {
    json!({
        "key": did(session.key), "until": session.until.to_string(),
        "limit": session.limit.to_string(),
    })
}

/// What a delegate may do, in words.
pub(crate) fn powers(powers: Powers) -> Vec<&'static str> {
    [
        (Power::Grant, "grant"),
        (Power::Revoke, "revoke"),
        (Power::Price, "price"),
        (Power::Erase, "erase"),
    ]
    .into_iter()
    .filter(|(power, _)| powers.contains(*power))
    .map(|(_, word)| word)
    .collect()
}

/// Whom a grant or denial is about, as `--to` takes it.
pub(crate) fn party(party: Party) -> String {
    match party {
        Party::Member(id) => id.to_string(),
        Party::Group(id) => format!("group:{id}"),
        Party::Organisation(id) => format!("org:{id}"),
    }
}

/// From and until; what has no end has no `until`.
pub(crate) fn window(window: Window) -> Value {
    json!({ "from": window.from.to_string(), "until": until(window.until) })
}

/// The part of a grant, denial or ask that stays in the data centre.
pub(crate) fn detail(detail: &GrantDetail) -> Value {
    let mut value = scope(&detail.scope);
    if let Value::Object(fields) = &mut value {
        let purposes: Vec<_> = detail.purposes.iter().map(|p| p.as_str()).collect();
        let actions: Vec<_> = detail.actions.iter().map(|a| a.as_str()).collect();
        fields.insert("purposes".into(), purposes.into());
        fields.insert("actions".into(), actions.into());
    }
    value
}

/// Which records.
pub(crate) fn scope(scope: &Scope) -> Value {
    let mut fields = Map::new();
    let mut put = |name: &str, all: Option<Vec<String>>| {
        fields.insert(name.to_owned(), all.map_or(Value::Null, Into::into));
    };
    let texts = |all: &Option<std::collections::BTreeSet<String>>| {
        all.as_ref().map(|set| set.iter().cloned().collect())
    };
    put("records", scope.records.as_ref().map(|s| s.iter().map(ToString::to_string).collect()));
    put("types", texts(&scope.kinds));
    put(
        "categories",
        scope.categories.as_ref().map(|s| s.iter().map(ToString::to_string).collect()),
    );
    put("labels", scope.labels.map(|labels| labels.iter().map(|l| l.to_string()).collect()));
    put("fields", texts(&scope.fields));
    fields.insert("data".into(), scope.period.map_or(Value::Null, window));
    Value::Object(fields)
}

fn ids(members: &[MemberId]) -> Vec<String> {
    members.iter().map(ToString::to_string).collect()
}
