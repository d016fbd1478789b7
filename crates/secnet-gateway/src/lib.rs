//! The doors of a node. A door parses calls, shows who makes them, and hands them to the flow in `secnet-app`; no decision
//! is taken here.
//!
//! [`Gateway`] is what all doors share; [`router`] is the HTTP door with the document that describes it; [`serve`] keeps a
//! listener's connections within limits. Who calls is shown by signatures, which [`sign_call`] makes; what the caller may see is
//! decided by the flow.

mod auth;
mod base64;
mod body;
mod bulletin;
mod deliveries;
mod document;
mod gateway;
mod http;
mod metrics;
mod places;
mod problem;
mod rates;
mod router;
mod serve;
mod stall;

pub use auth::{Call, CallSignature, ForwardedBy, Proxies, sign_call};
pub use bulletin::Bulletin;
pub use document::openapi;
pub use gateway::{Gateway, Limits};
pub use http::{IncidentEntry, IncidentStory, alerts_of};
pub use metrics::Metrics;
pub use problem::Problem;
pub use router::{metrics_router, router};
pub use serve::{ServeError, Serving, Tls, serve, serve_with};
