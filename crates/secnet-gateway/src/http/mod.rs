//! The HTTP door: one file for each thing that can be asked of a node. Ids are text, amounts decimal text, times RFC 3339
//! in UTC, bytes base64url without padding: as `secnet --json` prints them.

mod access;
mod alerts;
mod authzen;
mod commands;
mod consent_shapes;
mod consents;
mod datasets;
mod effects;
mod events;
mod feedback;
mod health;
mod history;
mod inbox;
mod incidents;
mod manifest;
mod market;
mod moves;
mod network;
mod place;
mod previews;
mod problems;
pub(crate) mod published;
mod query;
mod receipts;
mod released;
mod segments;
mod sessions;
mod shapes;
mod stream;
mod uploads;

pub use alerts::alerts_of;
pub(crate) use authzen::in_a_sentence;
pub(crate) use events::{MAX_FEEDS, MAX_FEEDS_PER_MEMBER};
pub use incidents::{IncidentEntry, IncidentStory};
pub(crate) use place::Whereabouts;
pub(crate) use query::{Whose, optional};
pub(crate) use segments::{MAX_INCOMING, MAX_INCOMING_PER_MEMBER};
pub(crate) use sessions::IDEMPOTENCY_KEY;
pub(crate) use shapes::Refused;
pub(crate) use stream::LAST_EVENT_ID;

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
        .routes(routes!(authzen::configuration))
        .routes(routes!(published::checkpoint))
        .routes(routes!(problems::problem))
}

/// The decision API of AuthZEN, for members.
pub(crate) fn authzen() -> OpenApiRouter<Arc<Gateway>> {
    OpenApiRouter::new()
        .routes(routes!(authzen::evaluation))
        .routes(routes!(authzen::evaluations))
        .routes(routes!(authzen::search::search_resource))
        .routes(routes!(authzen::search::search_subject))
        .routes(routes!(authzen::search::search_action))
}

/// What only a member may ask.
pub(crate) fn for_members() -> OpenApiRouter<Arc<Gateway>> {
    OpenApiRouter::new()
        .routes(routes!(sessions::open, sessions::end))
        .routes(routes!(network::member))
        .routes(routes!(network::nodes))
        .routes(routes!(network::keep_sealing_key))
        .routes(routes!(commands::order))
        .routes(routes!(commands::forecast))
        .routes(routes!(access::access))
        .routes(routes!(access::preview))
        .routes(routes!(access::download))
        .routes(routes!(datasets::catalogue, uploads::take_in))
        .routes(routes!(segments::put))
        .routes(routes!(events::events))
        .routes(routes!(alerts::alerts))
        .routes(routes!(incidents::incidents))
        .routes(routes!(incidents::incident))
        .routes(routes!(datasets::dataset))
        .routes(routes!(datasets::records))
        .routes(routes!(place::place))
        .routes(routes!(moves::begin))
        .routes(routes!(moves::standing))
        .routes(routes!(moves::copy))
        .routes(routes!(inbox::inbox))
        .routes(routes!(inbox::asks))
        .routes(routes!(inbox::put_aside, inbox::take_up))
        .routes(routes!(inbox::aside))
        .routes(routes!(feedback::say))
        .routes(routes!(feedback::about))
        .routes(routes!(history::history))
        .routes(routes!(history::statement))
        .routes(routes!(consents::consents))
        .routes(routes!(consents::seers))
        .routes(routes!(consents::contents))
        .routes(routes!(manifest::manifest))
        .routes(routes!(manifest::terms))
        .routes(routes!(manifest::uploads))
        .routes(routes!(market::rules))
        .routes(routes!(market::rule))
        .routes(routes!(market::group))
        .routes(routes!(previews::previews))
        .routes(routes!(receipts::receipt))
}
