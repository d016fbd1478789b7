//! Asking a node elsewhere for data, and opening what it releases with the keys that are here.

use std::collections::BTreeSet;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use secnet_app::AccessCall;
use secnet_app::ports::Clock as _;
use secnet_crypto::Zeroizing;
use secnet_lock::{
    CompartmentPacket, GrantBinding, GrantWraps, Grantee, ProjectedKeys, ReceivedProjections,
    ReceivedShares, RecordEntry, ReleaseContext, ReleasedShares,
};
use secnet_types::{
    Amount, DatasetId, DecisionId, Digest, Effect, Genesis, ReasonClass, Receipt, RequestId,
    Verdict,
};
use serde_json::{Value, json};

use super::{Answer, Remote, bytes, encoded, text, wrong};
use crate::actions::{self, Wanted};
use crate::failure::{Exit, Failure};
use crate::kept::{self, Kept};
use crate::keystore::Identity;
use crate::system::SystemClock;

/// What became of a request.
pub(crate) enum Got {
    /// It was released.
    Released(Released),
    /// It was held: sent again when the owner has answered.
    Held { receipt: Vec<u8>, decision: String, reason: String, remedy: String },
    /// It was refused, with this answer, until a fresh proof of who asks: in the words of the ledger, not of the node alone.
    ToProve { decision: DecisionId, failure: Failure },
    /// Printed as a curl command.
    Printed,
}

/// What was released, opened.
pub(crate) struct Released {
    pub decision: String,
    pub price: String,
    pub receipt: Vec<u8>,
    /// Only these fields of the records were released; none for whole records.
    pub fields: Option<Vec<String>>,
    /// Id, type, category, plaintext.
    pub records: Vec<(String, String, String, Zeroizing<Vec<u8>>)>,
    /// How many release nodes sent shares; none where the data centre opened the records itself.
    pub nodes: usize,
    /// Digests of the keys of those that sent something else than their shares.
    pub faulty: BTreeSet<Digest>,
    /// Which former nodes handed over another share than their own.
    pub misdealt: BTreeSet<u8>,
}

/// Ask, or ask again.
pub(crate) async fn get(
    remote: &Remote,
    who: &Identity,
    id: RequestId,
    wanted: Option<&Wanted>,
) -> Result<Got, Failure> {
    let genesis = remote.genesis().await?;
    let sent = match wanted {
        Some(wanted) => {
            let (call, receiving) =
                actions::request_in((genesis.network(), SystemClock.now()), who, wanted);
            let sent = Kept { call, receiving };
            // Before it is sent: what is released for it opens with this key only.
            kept::keep(remote, who, id, &sent)?;
            sent
        }
        None => kept::find(remote, who, id)?,
    };
    let answered = remote.client.call(who, "/v1/access", &body(&sent.call)).await;
    match answered {
        Ok(Answer::Printed) => Ok(Got::Printed),
        Ok(Answer::Accepted(answer)) => Ok(Got::Held {
            receipt: bytes(&answer, "receipt")?,
            decision: text(&answer, "decision")?.to_owned(),
            reason: text(&answer, "reason")?.to_owned(),
            remedy: text(&answer, "remedy")?.to_owned(),
        }),
        Ok(Answer::Done(answer)) => {
            opened(remote, who, (&sent, id), &genesis, &answer).await.map(Got::Released)
        }
        Err(mut failure) => {
            // Only a recorded denial ends a request, or a hold that was refused. Whatever else is refused, such as this very
            // call, may be about one that was paid, which nothing but the key that is kept opens.
            if let Some(said) = failure.decided.take() {
                let proof = Proof::of(&said.receipt, &genesis, who, id)?;
                match proof.verdict {
                    Verdict::Deny { reason: ReasonClass::StepUp } => {
                        kept::forget(remote, who, id)?;
                        return Ok(Got::ToProve { decision: proof.decision, failure });
                    }
                    Verdict::Deny { .. } | Verdict::Hold { .. } => kept::forget(remote, who, id)?,
                    Verdict::Allow { .. } => return Err(no_proof()),
                }
            }
            Err(failure)
        }
    }
}

/// What the call would be answered, without a decision.
pub(crate) async fn foresee(
    remote: &Remote,
    who: &Identity,
    wanted: &Wanted,
) -> Result<Answer, Failure> {
    let (call, _) = actions::request_in((remote.network().await?, SystemClock.now()), who, wanted);
    remote.client.call(who, "/v1/access/preview", &body(&call)).await
}

fn body(call: &AccessCall) -> Value {
    json!({
        "request": encoded(&call.request), "detail": encoded(&call.detail),
        "receiving_key": encoded(&call.receiving_key), "inline": true,
    })
}

/// Check the proof, then open.
async fn opened(
    remote: &Remote,
    who: &Identity,
    (sent, id): (&Kept, RequestId),
    genesis: &Genesis,
    answer: &Value,
) -> Result<Released, Failure> {
    let receipt = bytes(answer, "receipt")?;
    let proof = Proof::of(&receipt, genesis, who, id)?;
    proof.covers(answer)?;
    let does_not_open = |error: &dyn std::error::Error| {
        Failure::new("does-not-open", "the delivery does not open")
            .because(error)
            .hint("what is granted to an organisation or a group opens beside its keys: use the folder that has them")
    };
    let (decision, dataset) = (proof.decision, proof.dataset);
    if answer.get("projected_keys").is_some() {
        return projected(sent, (id, &proof), receipt, answer);
    }
    let mut grantee = Grantee::new();
    if answer.get("wraps").is_some() {
        let detail = bytes(answer, "grant_detail")?;
        let detail = <[u8; 32]>::try_from(detail.as_slice()).map_err(|error| wrong(&error))?;
        let binding = GrantBinding { dataset, detail: Digest(detail) };
        let wraps = GrantWraps::from_bytes(&bytes(answer, "wraps")?).map_err(|e| wrong(&e))?;
        grantee
            .accept(&who.sealing.secret, &binding, &wraps)
            .map_err(|error| does_not_open(&error))?;
    }
    for packet in list(answer, "packets") {
        let packet = CompartmentPacket::from_bytes(&decoded(packet)?).map_err(|e| wrong(&e))?;
        grantee.open_packet(&packet).map_err(|error| does_not_open(&error))?;
    }
    let context = ReleaseContext { request: id, decision, dataset };
    let mut released = Vec::new();
    for shares in list(answer, "shares") {
        released.push(ReleasedShares::from_bytes(&decoded(shares)?).map_err(|e| wrong(&e))?);
    }
    let mut shares = ReceivedShares::new();
    let opened = shares.open_each(&sent.receiving, &context, &released);
    let mut faulty = opened.map_err(|error| does_not_open(&error))?;
    let (mut records, mut misdealt) = (Vec::new(), BTreeSet::new());
    for record in list(answer, "records") {
        let name = text(record, "record")?.to_owned();
        let entry = RecordEntry::from_bytes(&bytes(record, "entry")?).map_err(|e| wrong(&e))?;
        if name != entry.record().to_string() {
            return Err(not_all("the node sent one record in the place of another".into()));
        }
        let sealed = match record.get("ciphertext") {
            Some(_) => bytes(record, "ciphertext")?,
            None => {
                let path = format!("/v1/access/{id}/records/{name}");
                remote.client.download(who, &path, entry.location().length).await?
            }
        };
        let key = grantee.unlock(&entry, &shares).map_err(|error| does_not_open(&error))?;
        faulty.extend(key.faulty());
        misdealt.extend(key.misdealt());
        let plain = key.open(&sealed).map_err(|error| does_not_open(&error))?;
        let (kind, category) = (text(record, "type")?.to_owned(), text(record, "category")?);
        records.push((name, kind, category.to_owned(), plain));
    }
    let (decision, price) = (decision.to_string(), proof.price()?.to_string());
    let nodes = released.iter().map(|shares| shares.header.node).collect::<BTreeSet<_>>().len();
    Ok(Released { decision, price, receipt, fields: None, records, nodes, faulty, misdealt })
}

/// Fields of the records: projections, sealed to the receiving key.
fn projected(
    sent: &Kept,
    (request, proof): (RequestId, &Proof),
    receipt: Vec<u8>,
    answer: &Value,
) -> Result<Released, Failure> {
    let does_not_open = |error: &dyn std::error::Error| {
        Failure::new("does-not-open", "the delivery does not open").because(error)
    };
    let keys =
        ProjectedKeys::from_bytes(&bytes(answer, "projected_keys")?).map_err(|e| wrong(&e))?;
    let context = ReleaseContext { request, decision: proof.decision, dataset: proof.dataset };
    let opened = ReceivedProjections::open(&sent.receiving, context, &keys)
        .map_err(|error| does_not_open(&error))?;
    let mut records = Vec::new();
    for record in list(answer, "records") {
        let (name, sealed) = (text(record, "record")?.to_owned(), bytes(record, "ciphertext")?);
        let plain = opened.record(parsed(record, "record")?, &sealed);
        let plain = plain.map_err(|error| does_not_open(&error))?;
        let (kind, category) = (text(record, "type")?.to_owned(), text(record, "category")?);
        records.push((name, kind, category.to_owned(), plain));
    }
    let fields = list(answer, "fields").filter_map(|field| field.as_str().map(str::to_owned));
    let (fields, decision) = (Some(fields.collect()), proof.decision.to_string());
    let price = proof.price()?.to_string();
    let (nodes, faulty, misdealt) = (0, BTreeSet::new(), BTreeSet::new());
    Ok(Released { decision, price, receipt, fields, records, nodes, faulty, misdealt })
}

/// What the ledger has recorded of this request. What the node says beside it does not count.
struct Proof {
    decision: DecisionId,
    dataset: DatasetId,
    verdict: Verdict,
}

impl Proof {
    /// No receipt, no data: what has no proof of its decision is not opened here either.
    fn of(
        receipt: &[u8],
        genesis: &Genesis,
        who: &Identity,
        id: RequestId,
    ) -> Result<Self, Failure> {
        let receipt = Receipt::parse(receipt).map_err(|error| no_proof().because(&error))?;
        let verified = receipt.verify(genesis).map_err(|error| no_proof().because(&error))?;
        let own = verified.event.effects.into_iter().find_map(|effect| match effect {
            Effect::Decided { decision, dataset, requester, request, verdict }
                if (requester, request) == (who.member(), id) =>
            {
                Some(Self { decision, dataset, verdict })
            }
            _ => None,
        });
        own.ok_or_else(no_proof)
    }

    fn price(&self) -> Result<Amount, Failure> {
        match self.verdict {
            Verdict::Allow { price, .. } => Ok(price),
            Verdict::Hold { .. } | Verdict::Deny { .. } => Err(no_proof()),
        }
    }

    /// Is everything there that was allowed, and may be paid for? Less is not opened: the request can be sent again.
    fn covers(&self, answer: &Value) -> Result<(), Failure> {
        let Verdict::Allow { records, .. } = self.verdict else { return Err(no_proof()) };
        let ids = list(answer, "records").map(|record| text(record, "record"));
        let came = ids.collect::<Result<BTreeSet<&str>, _>>()?.len();
        if came == records as usize {
            return Ok(());
        }
        Err(not_all(format!("the node sent {came} of the {records} records that were released")))
    }
}

fn not_all(what: String) -> Failure {
    Failure::new("bad-answer", what)
        .hint("nothing was opened; send the request again with --request")
        .exit(Exit::Verification)
}

fn no_proof() -> Failure {
    Failure::new("no-proof", "the node's answer has no receipt of this request's decision")
        .hint("nothing was opened; ask who runs the node")
        .exit(Exit::Verification)
}

fn list<'v>(answer: &'v Value, field: &str) -> impl Iterator<Item = &'v Value> {
    answer.get(field).and_then(Value::as_array).into_iter().flatten()
}

fn decoded(item: &Value) -> Result<Vec<u8>, Failure> {
    let text = item.as_str().unwrap_or_default();
    Base64UrlUnpadded::decode_vec(text).map_err(|error| wrong(&error))
}

fn parsed<T>(answer: &Value, field: &str) -> Result<T, Failure>
where
    T: core::str::FromStr<Err: std::error::Error + 'static>,
{
    text(answer, field)?.parse().map_err(|error: T::Err| wrong(&error))
}
