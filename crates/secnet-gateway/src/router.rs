//! All routes of the HTTP door, and what every call passes before it meets one.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, RANGE,
    RETRY_AFTER, TRANSFER_ENCODING, WWW_AUTHENTICATE,
};
use axum::http::{HeaderName, HeaderValue, StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::sync::Semaphore;

use crate::auth::authenticate;
use crate::document::openapi;
use crate::metrics::{Answered, Decided};
use crate::serve::MAX_HEAD_BYTES;
use crate::{Gateway, Problem, http};

/// The name of the answer's own id, for logs.
const REQUEST_ID: &str = "x-request-id";
/// Longest body that is read to its end after the answer, in bytes.
const MAX_LEFT_BYTES: u64 = 4096;
/// Longest id of a caller's that is given back, in bytes.
const MAX_REQUEST_ID: usize = 128;
/// Headers that mean one thing. Of two, whoever forwards a call might read one and this node the other.
const SINGLE: [HeaderName; 7] = [
    AUTHORIZATION,
    CONTENT_ENCODING,
    CONTENT_TYPE,
    RANGE,
    TRANSFER_ENCODING,
    HeaderName::from_static(http::LAST_EVENT_ID),
    HeaderName::from_static(http::IDEMPOTENCY_KEY),
];

/// The HTTP door.
pub fn router(gateway: Arc<Gateway>) -> Router {
    let (open, _) = http::open().split_for_parts();
    let (members, _) = http::for_members().split_for_parts();
    let (authzen, _) = http::authzen().split_for_parts();
    let authentic = || middleware::from_fn_with_state(Arc::clone(&gateway), authenticate);
    let members = members.route("/tile/entries/{*bundle}", get(http::published::bundle));
    let members = members.route_layer(authentic());
    let authzen =
        authzen.route_layer(authentic()).route_layer(middleware::from_fn(errors_in_a_sentence));
    let document = openapi().to_json().unwrap_or_default();
    let calls = Arc::new(Semaphore::new(gateway.limits.calls));
    open.merge(members)
        .merge(authzen)
        .route("/tile/{*tile}", get(http::published::tile))
        .route("/openapi.json", get(move || document_answer(document.clone())))
        .method_not_allowed_fallback(wrong_method)
        .fallback(unknown_path)
        .layer(middleware::from_fn(unambiguous))
        .layer(middleware::from_fn_with_state(calls, within_limits))
        .layer(middleware::from_fn_with_state(Arc::clone(&gateway), for_this_node))
        .layer(middleware::from_fn_with_state(Arc::clone(&gateway), observed))
        .with_state(gateway)
}

/// What is counted, for an address of its own: it is nobody's business who calls the node.
pub fn metrics_router(gateway: Arc<Gateway>) -> Router {
    Router::new().route("/metrics", get(metrics)).fallback(unknown_path).with_state(gateway)
}

async fn metrics(State(gateway): State<Arc<Gateway>>) -> impl IntoResponse {
    let seen = gateway.pdc.view(|view| {
        let (members, datasets, grants) = view.state.sizes();
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        [
            ("secnet_ledger_height", "Height of the last durable block.", view.height),
            ("secnet_ledger_events", "Events in the log.", view.log_size),
            (
                "secnet_ledger_age_milliseconds",
                "How long ago the ledger last showed that it can write.",
                view.age_ms,
            ),
            ("secnet_members", "Members of the network.", count(members)),
            ("secnet_datasets", "Datasets on the ledger.", count(datasets)),
            ("secnet_grants", "Grants on the ledger.", count(grants)),
        ]
    });
    let standing = gateway.pdc.log.standing();
    let mut gauges = seen.map(Vec::from).unwrap_or_default();
    gauges.extend([
        (
            "secnet_ledger_disk_full",
            "1 while there is room only for what ends rights or destroys data.",
            u64::from(standing.lacks_room()),
        ),
        (
            "secnet_ledger_reserve_bytes",
            "Bytes that are kept for what ends rights or destroys data.",
            standing.reserve,
        ),
    ]);
    let help = "Bytes that can still be written to the ledger's disk, besides the reserve.";
    gauges.extend(standing.free.map(|free| ("secnet_ledger_free_bytes", help, free)));
    let text = gateway.metrics.text(&gauges);
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], text)
}

/// Signatures cover the name that a call is made to: a call for another node stays without effect here. Whether the node is
/// alive may be asked by any name, as load balancers do.
async fn for_this_node(
    State(gateway): State<Arc<Gateway>>,
    request: Request,
    next: Next,
) -> Response {
    let health = is_health(&request);
    let mut hosts = request.headers().get_all(HOST).iter();
    let host = hosts.next().and_then(|host| host.to_str().ok());
    let one = hosts.next().is_none();
    // A target with a name of its own goes before the header (RFC 9112, section 3.2.2): they must be the same.
    let target = request.uri().authority().map(|authority| authority.as_str());
    let agrees = target.is_none_or(|target| host.is_some_and(|h| h.eq_ignore_ascii_case(target)));
    if one && agrees && (health || host.is_some_and(|host| gateway.answers_to(host))) {
        return next.run(request).await;
    }
    Problem::misdirected().into_response()
}

fn is_health(request: &Request) -> bool {
    matches!(request.uri().path(), "/healthz" | "/readyz")
}

/// Nothing that could be read in two ways goes on. Where a body ends is settled before: lengths that differ are refused, and of
/// a length beside chunks the chunks count, and the connection with it.
async fn unambiguous(request: Request, next: Next) -> Response {
    let headers = request.headers();
    // A head that came at once was never looked at for its length.
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    let fields =
        headers.iter().map(|(name, value)| name.as_str().len().saturating_add(value.len()));
    if fields.fold(target, usize::saturating_add) > MAX_HEAD_BYTES {
        return Problem::malformed("the head of the call is longer than 32 KiB").into_response();
    }
    let mut single = SINGLE.into_iter();
    if let Some(name) = single.find(|name| headers.get_all(name).iter().nth(1).is_some()) {
        let detail = format!("the header `{name}` is there more than once");
        return Problem::malformed(detail).into_response();
    }
    let coding = headers.get(TRANSFER_ENCODING);
    if coding.is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"chunked")) {
        return Problem::malformed("the only transfer coding that is taken is `chunked`")
            .into_response();
    }
    next.run(request).await
}

async fn document_answer(document: String) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], document)
}

async fn unknown_path(uri: Uri) -> Box<Problem> {
    let detail = format!("there is no `{}` at this node", uri.path());
    Problem::new(StatusCode::NOT_FOUND, "unknown-path", detail, "/openapi.json lists what there is")
}

async fn wrong_method() -> Box<Problem> {
    let (status, hint) = (StatusCode::METHOD_NOT_ALLOWED, "/openapi.json lists what there is");
    Problem::new(status, "wrong-method", "this path does not take this method", hint)
}

/// Turn calls away rather than let all become slow.
async fn within_limits(
    State(calls): State<Arc<Semaphore>>,
    request: Request,
    next: Next,
) -> Response {
    // Whoever watches the node learns that it lives even when it turns others away.
    if is_health(&request) {
        return next.run(request).await;
    }
    match calls.try_acquire() {
        Ok(_place) => next.run(request).await,
        Err(_) => Problem::busy().into_response(),
    }
}

/// Where another standard says how errors look.
async fn errors_in_a_sentence(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    match response.extensions_mut().remove::<Problem>() {
        Some(problem) => {
            let mut said = http::in_a_sentence(&problem).into_response();
            let kept = [WWW_AUTHENTICATE, RETRY_AFTER];
            let kept = kept.into_iter().filter_map(|name| {
                let value = response.headers().get(&name)?.clone();
                Some((name, value))
            });
            said.headers_mut().extend(kept);
            said.extensions_mut().insert(problem);
            said
        }
        None => response,
    }
}

/// Of a call that is refused, such a body is not read to its end: the connection ends with the answer, which says so. Otherwise the
/// next call over it would be lost.
fn has_long_body(request: &Request) -> bool {
    let length = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let length = length.and_then(|length| length.parse::<u64>().ok());
    length.map_or_else(
        || request.headers().contains_key(TRANSFER_ENCODING),
        |length| length > MAX_LEFT_BYTES,
    )
}

/// The caller's id for its call, or one of the node's.
fn id_of(request: &Request) -> String {
    let given = request.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok());
    // It goes into the log: nothing that could be taken for more than an id.
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    let given = given.filter(|id| !id.is_empty() && id.bytes().all(plain));
    given.filter(|id| id.len() <= MAX_REQUEST_ID).map_or_else(
        || {
            let mut id = [0_u8; 8];
            // Without randomness the id is zero, which hurts nobody.
            getrandom::fill(&mut id).ok();
            format!("{:016x}", u64::from_be_bytes(id))
        },
        str::to_owned,
    )
}

/// Every answer has an id, which is in the log too: whoever complains names it. Counted and told are route, status and
/// code: nothing else that a caller wrote, and nobody's id.
async fn observed(State(gateway): State<Arc<Gateway>>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let may_be_left = has_long_body(&request);
    let id = id_of(&request);
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    let route = route.as_ref().map_or("unknown", MatchedPath::as_str);
    let (status, took) = (response.status(), begun.elapsed());
    let problem = response.extensions().get::<Problem>().map(Problem::code);
    let decided = response.extensions().get::<Decided>();
    gateway.metrics.answered(&Answered { method: &method, route, status, problem, decided, took });
    let told = (
        problem.unwrap_or_default(),
        decided.map_or("", |decided| decided.0),
        u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
    );
    tracing::info!(
        target: "secnet::http", request = %id, route, status = status.as_u16(), code = told.0,
        verdict = told.1, micros = told.2, "answered"
    );
    let headers = response.headers_mut();
    let id = HeaderValue::try_from(id).ok();
    headers.extend(id.map(|id| (axum::http::HeaderName::from_static(REQUEST_ID), id)));
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    if may_be_left && !status.is_success() {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
