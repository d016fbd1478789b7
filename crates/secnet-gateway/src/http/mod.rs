//! The HTTP door: one file for each thing that can be asked of a node. Ids are text, amounts decimal text, times RFC 3339
//! in UTC, bytes base64url without padding: as `secnet --json` prints them.

mod access;
mod commands;
mod datasets;
mod health;
mod network;
mod query;
mod receipts;
mod sessions;
mod shapes;

pub(crate) use shapes::Refused;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Gateway;

/// What anybody may ask.
pub(crate) fn open() -> OpenApiRouter<Arc<Gateway>> {
    OpenApiRouter::new()
        .routes(routes!(health::alive))
        .routes(routes!(health::ready))
        .routes(routes!(network::network))
}

/// What only a member may ask.
pub(crate) fn for_members() -> OpenApiRouter<Arc<Gateway>> {
    OpenApiRouter::new()
        .routes(routes!(sessions::open, sessions::end))
        .routes(routes!(network::member))
        .routes(routes!(network::keep_sealing_key))
        .routes(routes!(commands::order))
        .routes(routes!(commands::forecast))
        .routes(routes!(access::access))
        .routes(routes!(access::preview))
        .routes(routes!(access::download))
        .routes(routes!(datasets::catalogue))
        .routes(routes!(datasets::dataset))
        .routes(routes!(datasets::records))
        .routes(routes!(receipts::receipt))
}
