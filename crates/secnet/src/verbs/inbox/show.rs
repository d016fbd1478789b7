//! An inbox as it is printed: of this folder, or of a node elsewhere.

use secnet_app::{Asked, Inbox, InboxAsk, Notice};
use secnet_ledger::AskStatus;
use secnet_types::Bargain;
use serde_json::{Map, Value, json};

use crate::node::Node;
use crate::remote::Remote;
use crate::show;
use crate::show::fields::{entries, listed, of, word};

/// An inbox here, with what its owner asked others for.
pub(super) fn here(node: &Node, inbox: &Inbox, asked: &Asked) -> Value {
    let holds = inbox.holds.iter().map(|hold| {
        json!({
            "decision": hold.decision.to_string(), "requester": node.name_of(hold.requester),
            "dataset": hold.dataset.to_string(), "answer_by": hold.answer_by.to_string(),
            "purpose": hold.facts.as_ref().map(|f| f.detail.purpose.as_str()),
            "reasons": hold.facts.as_ref().map(|f| f.reasons.clone()),
        })
    });
    let reviews = inbox.reviews.iter().map(|review| {
        json!({
            "requester": node.name_of(review.requester), "request": review.request.to_string(),
            "dataset": review.dataset.to_string(), "due": review.due.to_string(),
            "overdue": review.overdue,
        })
    });
    let notices = inbox.notices.iter().map(|notice| {
        json!({
            "decision": notice.decision.to_string(), "requester": node.name_of(notice.requester),
            "dataset": notice.dataset.to_string(), "request": notice.request.to_string(),
            "time": notice.time.to_string(), "review": notice.review, "reasons": notice.reasons,
        })
    });
    let damaged: Vec<_> = inbox.damaged.iter().chain(&asked.damaged).collect();
    json!({
        "asks": inbox.asks.iter().map(|waiting| ask(node, waiting)).collect::<Vec<_>>(),
        "asked": asked.asks.iter().map(|waiting| ask(node, waiting)).collect::<Vec<_>>(),
        "holds": holds.collect::<Vec<_>>(), "reviews": reviews.collect::<Vec<_>>(),
        "notices": notices.collect::<Vec<_>>(), "damaged": damaged,
    })
}

fn ask(node: &Node, waiting: &InboxAsk) -> Value {
    let (ask, detail) = (&waiting.state.ask, waiting.detail.as_ref());
    let mut agreed = Bargain { price: ask.price, uses: ask.uses, window: ask.window };
    let (mut counter, mut grant) = (None, None);
    let status = match waiting.state.status {
        AskStatus::Open => "open",
        AskStatus::Countered(bargain) => {
            counter = Some(json!({
                "price": bargain.price.to_string(), "uses": bargain.uses,
                "window": show::command::window(bargain.window),
            }));
            "countered"
        }
        AskStatus::Agreed(bargain) => {
            agreed = bargain;
            "agreed"
        }
        AskStatus::Approved(given) => {
            grant = Some(given.to_string());
            "approved"
        }
        AskStatus::Refused => "refused",
    };
    json!({
        "ask": waiting.id.to_string(), "from": node.name_of(waiting.state.asker), "status": status,
        "dataset": ask.dataset.to_string(), "price": agreed.price.to_string(), "uses": agreed.uses,
        "answer_by": ask.deadline.to_string(), "counter": counter, "grant": grant,
        "purposes": detail.map(|d| d.purposes.iter().map(|p| p.as_str()).collect::<Vec<_>>()),
        "categories": detail.and_then(|d| d.scope.categories.as_ref())
            .map(|all| all.iter().map(|c| c.as_str()).collect::<Vec<_>>()),
    })
}

/// The inbox that a node elsewhere answered with, and what its owner asked others for.
pub(super) fn elsewhere(remote: &Remote, inbox: &Value, asked: &Value) -> Value {
    const ASK: [&str; 8] =
        ["ask", "status", "dataset", "price", "uses", "answer_by", "counter", "grant"];
    let list = |of: &Value, name: &str, fields: &[&str]| {
        let entries = of.get(name).and_then(Value::as_array);
        let entries = entries.into_iter().flatten().map(|entry| {
            let mut shown = Map::new();
            let taken = fields.iter().filter_map(|f| Some((*f, entry.get(f)?.clone())));
            shown.extend(taken.map(|(field, value)| (field.to_owned(), value)));
            for who in ["from", "requester"] {
                if let Some(id) = entry.get(who).and_then(Value::as_str) {
                    shown.insert(who.to_owned(), remote.name_of(id).into());
                }
            }
            for part in ["purposes", "categories"] {
                if let Some(of_detail) = entry.pointer(&format!("/detail/{part}")) {
                    shown.insert(part.to_owned(), of_detail.clone());
                }
            }
            Value::Object(shown)
        });
        entries.collect::<Vec<_>>()
    };
    let damaged = [inbox, asked].into_iter().filter_map(|of| of.get("damaged")?.as_array());
    json!({
        "asks": list(inbox, "asks", &ASK),
        "asked": list(asked, "asks", &ASK),
        "holds": list(inbox, "holds", &["decision", "dataset", "answer_by", "purpose", "reasons"]),
        "reviews": list(inbox, "reviews", &["request", "dataset", "due", "overdue"]),
        "notices":
            list(inbox, "notices", &["decision", "dataset", "request", "time", "review", "reasons"]),
        "damaged": damaged.flatten().collect::<Vec<_>>(),
    })
}

/// For people.
pub(super) fn text(inbox: &Value) -> String {
    let mut lines = Vec::new();
    for ask in entries(inbox, "asks") {
        lines.push(format!(
            "ask   {}  {} offers {} a use for {}",
            of(ask, "ask"),
            of(ask, "from"),
            of(ask, "price"),
            of(ask, "dataset"),
        ));
        lines.extend(wish(ask));
    }
    for ask in entries(inbox, "asked") {
        let answer = match &*of(ask, "status") {
            "countered" => {
                let counter = |part: &str| ask.pointer(&format!("/counter{part}")).map(word);
                let until = counter("/window/until").unwrap_or_else(|| "withdrawn".into());
                let price = counter("/price").unwrap_or_default();
                format!("the owner offers {price} a use until {until}: `secnet ask --accept`")
            }
            "agreed" => "agreed; the owner grants it next".into(),
            "approved" => format!("granted: {}", of(ask, "grant")),
            "refused" => "refused".into(),
            _ => "waits for the owner".into(),
        };
        lines.push(format!("asked {}  for {}: {answer}", of(ask, "ask"), of(ask, "dataset")));
        lines.extend(wish(ask));
    }
    for hold in entries(inbox, "holds") {
        lines.push(format!(
            "hold  {}  {} on {}; answer by {}",
            of(hold, "decision"),
            of(hold, "requester"),
            of(hold, "dataset"),
            of(hold, "answer_by"),
        ));
        lines.extend(reasons(hold));
    }
    for review in entries(inbox, "reviews") {
        let late = if review.get("overdue") == Some(&true.into()) { " (overdue)" } else { "" };
        lines.push(format!(
            "review  {} used the emergency grant on {}: {}, by {}{late}",
            of(review, "requester"),
            of(review, "dataset"),
            of(review, "request"),
            of(review, "due"),
        ));
    }
    for notice in entries(inbox, "notices") {
        lines.push(format!(
            "notice  {}  {} used {} at {}",
            of(notice, "decision"),
            of(notice, "requester"),
            of(notice, "dataset"),
            of(notice, "time"),
        ));
        lines.extend(reasons(notice));
    }
    lines.extend(entries(inbox, "damaged").map(|what| format!("damaged  {}", word(what))));
    if lines.is_empty() { "nothing waits".into() } else { lines.join("\n") }
}

/// What an ask is for.
fn wish(ask: &Value) -> Option<String> {
    let purposes = listed(ask.get("purposes")?);
    let categories = ask.get("categories").map(listed).unwrap_or_default();
    let what = if categories.is_empty() { "everything".to_owned() } else { categories };
    Some(format!("      {what}, for {purposes}; answer by {}", of(ask, "answer_by")))
}

fn reasons(entry: &Value) -> impl Iterator<Item = String> {
    entries(entry, "reasons").map(|reason| format!("      {}", word(reason)))
}

/// Notices that were put aside here, and by whom.
pub(super) fn noted_here(node: &Node, notices: &[Notice]) -> Value {
    let notices = notices.iter().map(|notice| {
        let marks = notice.marks.iter().flatten().map(|mark| {
            json!({
                "by": node.name_of(mark.by), "time": mark.at.to_string(), "aside": mark.aside,
            })
        });
        json!({
            "decision": notice.decision.to_string(), "requester": node.name_of(notice.requester),
            "dataset": notice.dataset.to_string(), "request": notice.request.to_string(),
            "time": notice.time.to_string(), "review": notice.review, "reasons": notice.reasons,
            "marks": marks.collect::<Vec<_>>(),
        })
    });
    json!({ "notices": notices.collect::<Vec<_>>() })
}

/// The same, as a node elsewhere tells it.
pub(super) fn noted_elsewhere(remote: &Remote, told: &Value) -> Value {
    let named = |value: &Value, field: &str| {
        let mut value = value.clone();
        if let Some(Value::String(id)) = value.get_mut(field) {
            *id = remote.name_of(id);
        }
        value
    };
    let notices = entries(told, "notices").map(|notice| {
        let mut notice = named(notice, "requester");
        if let Some(Value::Array(marks)) = notice.get_mut("marks") {
            *marks = marks.iter().map(|mark| named(mark, "by")).collect();
        }
        notice
    });
    json!({ "notices": notices.collect::<Vec<_>>() })
}

/// For people.
pub(super) fn noted_text(told: &Value) -> String {
    let mut lines = Vec::new();
    for notice in entries(told, "notices") {
        let (who, when) = (of(notice, "requester"), of(notice, "time"));
        lines.push(format!("{}  {who} at {when}", of(notice, "decision")));
        lines.extend(entries(notice, "marks").map(|mark| {
            let what = match mark.get("aside").and_then(Value::as_bool) {
                Some(true) => "put aside",
                _ => "taken up again",
            };
            format!("      {what} by {} at {}", of(mark, "by"), of(mark, "time"))
        }));
    }
    if lines.is_empty() { "nothing was put aside".into() } else { lines.join("\n") }
}
