//! The document that describes the HTTP door: OpenAPI 3.1, from the code. What every call can meet is added here, so that no
//! operation leaves it out and none is answered in a way that the document does not name.

use std::collections::BTreeSet;
use std::sync::Arc;

use utoipa::OpenApi;
use utoipa::openapi::path::{Operation, Parameter};
use utoipa::openapi::schema::{KnownFormat, SchemaFormat, Type};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{
    ContentBuilder, ObjectBuilder, Ref, RefOr, Response, ResponseBuilder, Schema,
};
use utoipa_axum::router::OpenApiRouter;

use crate::{Gateway, http};

#[derive(OpenApi)]
#[openapi(info(
    title = "SecNet node",
    description = "Ask for data under consent; every decision is on the ledger before it is answered. Calls are signed \
                   (RFC 9421) or made in a session that a signed call has opened.",
    license(name = "Apache-2.0", identifier = "Apache-2.0"),
))]
struct Document;

/// The problems that are described once: status, name in the document, and when.
const SHARED: [(&str, &str, &str); 10] = [
    ("400", "Malformed", "Something does not parse, or is not what it should be."),
    ("401", "Unauthenticated", "The call shows no active member's signature and no open session."),
    ("408", "TooSlow", "The body took too long."),
    ("409", "Refused", "The ledger refuses it, or it is over; nothing was changed."),
    ("413", "TooLarge", "The body is too long."),
    ("415", "UnsupportedMediaType", "The body is of another type, or compressed."),
    (
        "421",
        "Misdirected",
        "The call is to a name that this node does not answer to, or about a dataset that is at another data centre: `place` says where.",
    ),
    ("429", "TooOften", "The member calls more often than it may."),
    ("500", "Damaged", "Something that the node keeps is damaged; `secnet fsck` names it."),
    (
        "503",
        "Busy",
        "The node has as much to do as it takes on, or something it needs does not answer.",
    ),
];

/// Met by every call.
const ALWAYS: [&str; 3] = ["400", "421", "503"];
/// Met by calls of members besides.
const BY_MEMBERS: [&str; 3] = ["401", "429", "500"];
/// Met by calls with a body besides.
const WITH_BODY: [&str; 3] = ["408", "413", "415"];

/// How ids are written: the name of the parameter, and the prefix and length of the value.
const IDS: [(&str, &str, usize); 8] = [
    ("dataset", "sndata", 32),
    ("record", "snrec", 32),
    ("request", "snreq", 32),
    ("decision", "sndec", 32),
    ("member", "snid", 58),
    ("as", "snid", 58),
    ("group", "sngroup", 32),
    ("rule", "snrule", 58),
];

/// How the errors of a set of paths are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Errors {
    /// RFC 9457.
    Problems,
    /// A sentence, as AuthZEN says.
    Sentences,
}

fn routes() -> OpenApiRouter<Arc<Gateway>> {
    let open = OpenApiRouter::with_openapi(Document::openapi()).merge(http::open());
    open.merge(http::for_members()).merge(http::authzen())
}

fn paths_of(router: OpenApiRouter<Arc<Gateway>>) -> BTreeSet<String> {
    router.into_openapi().paths.paths.into_keys().collect()
}

/// The document: OpenAPI 3.1, from the code.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut document = routes().into_openapi();
    let (members, authzen) = (paths_of(http::for_members()), paths_of(http::authzen()));
    for (path, item) in &mut document.paths.paths {
        let errors = if authzen.contains(path) { Errors::Sentences } else { Errors::Problems };
        let operations = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            complete(operation, members.contains(path) || authzen.contains(path), errors);
        }
    }
    let components = document.components.get_or_insert_default();
    for (scheme, described) in schemes() {
        components.add_security_scheme(scheme, described);
    }
    for errors in [Errors::Problems, Errors::Sentences] {
        let shared = SHARED.iter().map(|(_, name, when)| (errors.named(name), errors.of(when)));
        components.responses.extend(shared);
    }
    document
}

/// How members show who they are: one of the two.
fn schemes() -> [(&'static str, SecurityScheme); 2] {
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("A session's token."))
        .build();
    let signature = ApiKeyValue::with_description(
        "Signature",
        "A signature of this very call (RFC 9421), with `Signature-Input`, and `Content-Digest` if there is a body.",
    );
    [
        ("session", SecurityScheme::Http(bearer)),
        ("signature", SecurityScheme::ApiKey(ApiKey::Header(signature))),
    ]
}

/// What holds for all operations of a kind.
fn complete(operation: &mut Operation, by_member: bool, errors: Errors) {
    if by_member {
        let either = ["session", "signature"];
        let either = either.map(|scheme| SecurityRequirement::new(scheme, Vec::<String>::new()));
        operation.security = Some(either.into());
    }
    let mut met: BTreeSet<&str> = ALWAYS.into();
    if by_member {
        met.extend(BY_MEMBERS);
    }
    if operation.request_body.is_some() {
        met.extend(WITH_BODY);
    }
    if errors == Errors::Sentences {
        // The type of a body is a matter of the request there.
        met.remove("415");
        met.insert("409");
    }
    let described = SHARED.iter().filter(|(status, ..)| met.contains(status));
    for (status, name, _) in described {
        let shared = || RefOr::Ref(Ref::from_response_name(errors.named(name)));
        operation.responses.responses.entry((*status).to_owned()).or_insert_with(shared);
    }
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(parameter) = parameter {
            narrow(parameter);
        }
    }
}

/// What values a parameter can have, where its type alone does not say so.
fn narrow(parameter: &mut Parameter) {
    let Some(RefOr::T(Schema::Object(object))) = &mut parameter.schema else { return };
    if let Some((_, prefix, length)) = IDS.iter().find(|(name, ..)| *name == parameter.name) {
        object.pattern = Some(format!("^{prefix}1[02-9ac-hj-np-z]{{{length}}}$"));
    }
    let integer = object.format == Some(SchemaFormat::KnownFormat(KnownFormat::Int64));
    if integer && object.maximum.is_none() {
        // JSON Schema's numbers have no end; these do.
        object.maximum = Some(utoipa::Number::UInt(usize::MAX));
    }
}

impl Errors {
    fn named(self, name: &str) -> String {
        match self {
            Self::Problems => name.to_owned(),
            Self::Sentences => format!("{name}Sentence"),
        }
    }

    fn of(self, when: &str) -> RefOr<Response> {
        let (kind, schema) = match self {
            Self::Problems => {
                ("application/problem+json", RefOr::Ref(Ref::from_schema_name("Problem")))
            }
            Self::Sentences => {
                let text = ObjectBuilder::new().schema_type(Type::String);
                ("text/plain", RefOr::T(Schema::Object(text.build())))
            }
        };
        let content = ContentBuilder::new().schema(Some(schema)).build();
        RefOr::T(ResponseBuilder::new().description(when).content(kind, content).build())
    }
}
