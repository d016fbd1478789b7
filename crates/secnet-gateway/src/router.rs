//! All routes of the HTTP door, and the document that describes them.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
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
    open.merge(http::for_members())
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
    let members = http::for_members().into_openapi();
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
    let members =
        members.route_layer(middleware::from_fn_with_state(Arc::clone(&gateway), authenticate));
    let document = openapi().to_json().unwrap_or_default();
    let calls = Arc::new(Semaphore::new(gateway.limits.calls));
    open.merge(members)
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

/// Every answer has an id of its own; whoever complains names it.
async fn with_id(request: Request, next: Next) -> Response {
    let mut id = [0_u8; 8];
    // Without randomness the id is zero, which hurts nobody.
    getrandom::fill(&mut id).ok();
    let id = format!("{:016x}", u64::from_be_bytes(id));
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.extend(
        HeaderValue::try_from(id)
            .ok()
            .map(|id| (axum::http::HeaderName::from_static(REQUEST_ID), id)),
    );
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    response
}
