//! All routes of the HTTP door, and the document that describes them.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::sync::Semaphore;
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;

use crate::auth::authenticate;
use crate::{Gateway, Problem, http};

/// The name of the answer's own id, for logs.
const REQUEST_ID: &str = "x-request-id";
/// Longest id of a caller's that is given back, in bytes.
const MAX_REQUEST_ID: usize = 128;

#[derive(OpenApi)]
#[openapi(info(
    title = "SecNet node",
    description = "Ask for data under consent; every decision is on the ledger before it is answered. Calls are signed \
                   (RFC 9421) or made in a session that a signed call has opened.",
    license(name = "Apache-2.0", identifier = "Apache-2.0"),
))]
struct Document;

fn routes() -> OpenApiRouter<Arc<Gateway>> {
    let open = OpenApiRouter::with_openapi(Document::openapi()).merge(http::open());
    open.merge(http::for_members()).merge(http::authzen())
}

/// The document: OpenAPI 3.1, from the code.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut document = routes().into_openapi();
    let scheme = SecurityScheme::Http(
        HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("A session's token. In its place a call can be signed (RFC 9421)."))
            .build(),
    );
    let components = document.components.get_or_insert_default();
    components.add_security_scheme("session", scheme);
    let members = http::for_members().merge(http::authzen()).into_openapi();
    for path in members.paths.paths.keys() {
        if let Some(item) = document.paths.paths.get_mut(path) {
            let operations = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete];
            for operation in operations.into_iter().flatten() {
                operation.security =
                    Some(vec![SecurityRequirement::new("session", Vec::<String>::new())]);
            }
        }
    }
    document
}

/// The HTTP door.
pub fn router(gateway: Arc<Gateway>) -> Router {
    let (open, _) = http::open().split_for_parts();
    let (members, _) = http::for_members().split_for_parts();
    let (authzen, _) = http::authzen().split_for_parts();
    let authentic = || middleware::from_fn_with_state(Arc::clone(&gateway), authenticate);
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
        .layer(middleware::from_fn_with_state(calls, within_limits))
        .layer(middleware::from_fn(with_id))
        .with_state(gateway)
}

async fn document_answer(document: String) -> impl IntoResponse {
    ([(axum::http::header::CONTENT_TYPE, "application/json")], document)
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
    match calls.try_acquire() {
        Ok(_place) => next.run(request).await,
        Err(_) => Problem::busy().into_response(),
    }
}

/// Where another standard says how errors look.
async fn errors_in_a_sentence(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    match response.extensions().get::<Problem>() {
        Some(problem) => {
            let mut said = http::in_a_sentence(problem).into_response();
            let kept = [WWW_AUTHENTICATE, RETRY_AFTER];
            let kept = kept.into_iter().filter_map(|name| {
                let value = response.headers().get(&name)?.clone();
                Some((name, value))
            });
            said.headers_mut().extend(kept);
            said
        }
        None => response,
    }
}

/// Every answer has an id, the caller's or one of its own; whoever complains names it.
async fn with_id(request: Request, next: Next) -> Response {
    let given = request.headers().get(REQUEST_ID).filter(|id| id.len() <= MAX_REQUEST_ID).cloned();
    let id = given.or_else(|| {
        let mut id = [0_u8; 8];
        // Without randomness the id is zero, which hurts nobody.
        getrandom::fill(&mut id).ok();
        HeaderValue::try_from(format!("{:016x}", u64::from_be_bytes(id))).ok()
    });
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.extend(id.map(|id| (axum::http::HeaderName::from_static(REQUEST_ID), id)));
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    response
}
