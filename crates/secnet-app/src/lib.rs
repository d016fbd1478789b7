//! The flow of SecNet: what happens to one access request, in ten steps, and everything around it that owners and
//! requesters do.
//!
//! Read `access.rs` first. Nothing here knows a disk, a socket or a clock: those come in through the [`ports`]. The
//! steps hand each other proof tokens with private constructors (`Authenticated`, `Permitted`, `Vetted`,
//! [`Granted`]); the vault and the release nodes accept only the last one, so forgetting a step does not compile.

mod access;
mod affairs;
mod ahead;
mod call;
mod canary;
mod catalogue;
mod collect;
mod consent;
mod consents;
mod doors;
mod error;
mod explained;
mod facts;
mod feedback;
mod forecast;
mod granted;
mod handover;
mod history;
mod hosting;
mod inbox;
mod incidents;
mod kept;
mod learning;
mod manifest;
mod models;
mod moving;
mod notices;
mod open;
mod opening;
mod past;
mod pdc;
mod place;
mod plain;
pub mod ports;
mod previews;
mod project;
mod proof;
mod recent;
mod record;
mod refusals;
mod relations;
mod release;
mod repeated;
mod rules;
mod segments;
mod settle;
mod shred;
mod sparing;
mod staging;
mod statement;
mod upload;
mod veil;
mod vetting;
mod what_if;

pub use access::{Foreseen, Outcome, Preview, Refusal};
pub use affairs::{Affair, AffairsPage};
pub use ahead::{AHEAD_MS, Incoming, MAX_AHEAD_BYTES, MAX_SEGMENT_BYTES};
pub use call::{AccessCall, Authenticated, Door};
pub use canary::CanaryError;
pub use catalogue::{Known, KnownPage, MAX_CATALOGUE_PAGE};
pub use collect::Delivery;
pub use consent::Enclosures;
pub use consents::{
    ConsentPlace, Consents, ConsentsPage, DenialLine, GrantLine, MAX_CONSENTS_PAGE, Which,
};
pub use doors::{
    DOOR_LIFETIME_MS, DoorStatement, DoorUrl, DoorUrlError, Doors, MAX_DOOR_AHEAD_MS,
    MAX_DOOR_URL_BYTES, MAX_DOORS, SignedDoor,
};
pub use error::AccessError;
pub use explained::{Explained, Replayed};
pub use facts::{Seer, VisiblePage, Wish};
pub use feedback::{
    Feedback, FeedbackError, Finding, MAX_FEEDBACK_AT_ONCE, MAX_NOTE_BYTES, feedback_amiss,
};
pub use granted::{FieldsGranted, Granted, MAX_VIEW_AGE_MS, Permit, ReleaseAsk};
pub use handover::HandingOver;
pub use history::{Attempt, AttemptVerdict, HistoryPage, MAX_HISTORY_PAGE, Summarised};
pub use hosting::{ToHost, ToHostPage};
pub use inbox::{Asked, AskedPage, Inbox, InboxAsk, InboxHold, InboxReview, MAX_INBOX_ENTRIES};
pub use incidents::{
    ActRecord, Happened, IncidentAct, IncidentLine, IncidentRecord, IncidentStatus, IncidentsPage,
    MAX_INCIDENTS_PAGE, Story, TimelineEntry,
};
pub use kept::{Amiss, Kept, kept_of_decision, missing_of, must_be_kept, still_listed};
pub use manifest::{DatasetManifest, MAX_UPLOADS_OF_DATASET};
pub use models::{KeptModel, LearntRecord, Standing, Unreadable, listed_as};
pub use moving::{
    Former, FormerFailed, MAX_COPY_ANSWER_BYTES, MAX_COPY_CALL_BYTES, MAX_LACKING, MoveStage,
    MoveStanding, reads_copy_talk,
};
pub use notices::{ASIDE_MS, Mark, Notice};
pub use open::{OpenError, Reader};
pub use past::{Judged, PastRequest, Source};
pub use pdc::{Parts, Pdc, port_rng};
pub use place::Place;
pub use plain::{is_obeyed, is_plain};
pub use previews::{MAX_PREVIEWS_PAGE, PREVIEWS_PER_MINUTE, PreviewPlace, Previewed, PreviewsPage};
pub use project::{MAX_PROJECTED_RECORD, MAX_PROJECTED_RELEASE, Projected};
pub use proof::PROOF_MS;
pub use record::FactsRecord;
pub use refusals::{DenialQuota, QUOTA_WINDOW_MS, SummaryRecord};
pub use relations::{RelationsFault, RelationsStatement, relations_amiss};
pub use release::{
    HandoverFailed, LocalRelease, Look, MAX_RELEASE_MESSAGE_BYTES, NodeAnswer, NodeCard,
    NodeQuestion, PacketPart, Refused, Release, ReleaseDesk, ReleaseFailed, SignedNodeCard, Wanted,
    card_holds, release_members,
};
pub use repeated::{Again, Repeated};
pub use secnet_guard::incidents::{Alert, AlertKind, HoldEnd, Incident, Subject};
pub use shred::{Shredded, what_to_shred};
pub use statement::{Line, MAX_STATEMENT_LINES, Statement};
pub use upload::{
    Catalogue, CatalogueItem, Stated, TermsDetail, Upload, compartments_in_use, referenced_segments,
};
pub use what_if::WhatIf;
