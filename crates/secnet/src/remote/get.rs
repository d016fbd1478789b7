//! Asking a node elsewhere for data, and opening what it releases with the keys that are here.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use secnet_app::AccessCall;
use secnet_app::ports::Clock as _;
use secnet_crypto::Zeroizing;
use secnet_lock::{
    CompartmentPacket, GrantBinding, GrantWraps, Grantee, ProjectedKeys, ReceivedProjections,
    ReceivedShares, RecordEntry, ReleaseContext, ReleasedShares,
};
use secnet_types::{DatasetId, Digest, Genesis, Operation, Receipt, RequestId};
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
        Err(failure) => {
            // Only a recorded denial ends a request. Whatever else is refused, such as this very call, may be about one that
            // was paid, which nothing but the key that is kept opens.
            if failure.decided {
                kept::forget(remote, who, id)?;
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
    proves(&receipt, genesis, who, id)?;
    let does_not_open = |error: &dyn std::error::Error| {
        Failure::new("does-not-open", "the delivery does not open")
            .because(error)
            .hint("what is granted to an organisation or a group opens beside its keys: use the folder that has them")
    };
    let dataset: DatasetId = parsed(answer, "dataset")?;
    if answer.get("projected_keys").is_some() {
        return projected(sent, (id, dataset), receipt, answer);
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
    let context = ReleaseContext { request: id, decision: parsed(answer, "decision")?, dataset };
    let mut shares = ReceivedShares::new();
    for released in list(answer, "shares") {
        let released = ReleasedShares::from_bytes(&decoded(released)?).map_err(|e| wrong(&e))?;
        shares.open(&sent.receiving, &context, &released).map_err(|e| does_not_open(&e))?;
    }
    let mut records = Vec::new();
    for record in list(answer, "records") {
        let name = text(record, "record")?.to_owned();
        let entry = RecordEntry::from_bytes(&bytes(record, "entry")?).map_err(|e| wrong(&e))?;
        let sealed = match record.get("ciphertext") {
            Some(_) => bytes(record, "ciphertext")?,
            None => {
                let path = format!("/v1/access/{id}/records/{name}");
                remote.client.download(who, &path, entry.location().length).await?
            }
        };
        let key = grantee.unlock(&entry, &shares).map_err(|error| does_not_open(&error))?;
        let plain = key.open(&sealed).map_err(|error| does_not_open(&error))?;
        let (kind, category) = (text(record, "type")?.to_owned(), text(record, "category")?);
        records.push((name, kind, category.to_owned(), plain));
    }
    let (decision, price) = (text(answer, "decision")?, text(answer, "price")?);
    let (decision, price) = (decision.to_owned(), price.to_owned());
    Ok(Released { decision, price, receipt, fields: None, records })
}

/// Fields of the records: projections, sealed to the receiving key.
fn projected(
    sent: &Kept,
    (request, dataset): (RequestId, DatasetId),
    receipt: Vec<u8>,
    answer: &Value,
) -> Result<Released, Failure> {
    let does_not_open = |error: &dyn std::error::Error| {
        Failure::new("does-not-open", "the delivery does not open").because(error)
    };
    let keys =
        ProjectedKeys::from_bytes(&bytes(answer, "projected_keys")?).map_err(|e| wrong(&e))?;
    let context = ReleaseContext { request, decision: parsed(answer, "decision")?, dataset };
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
    let (fields, decision) = (Some(fields.collect()), text(answer, "decision")?.to_owned());
    let price = text(answer, "price")?.to_owned();
    Ok(Released { decision, price, receipt, fields, records })
}

/// No receipt, no data: what has no proof of its decision is not opened here either.
fn proves(receipt: &[u8], genesis: &Genesis, who: &Identity, id: RequestId) -> Result<(), Failure> {
    let no_proof = || {
        Failure::new("no-proof", "the node's answer has no receipt of this request's decision")
            .hint("nothing was opened; ask who runs the node")
            .exit(Exit::Verification)
    };
    let receipt = Receipt::parse(receipt).map_err(|error| no_proof().because(&error))?;
    let verified = receipt.verify(genesis).map_err(|error| no_proof().because(&error))?;
    match &verified.command.value.operation {
        Operation::RecordDecision { decision }
            if (decision.request.value.requester, decision.request.value.id)
                == (who.member(), id) =>
        {
            Ok(())
        }
        _ => Err(no_proof()),
    }
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
