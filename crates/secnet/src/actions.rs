//! What owners and requesters do, on their side: seal, grant, ask, request, open. The verbs and the demo both use these,
//! so that the demo shows what the verbs do.

mod access;
mod consent;
mod keys;
mod members;
mod seal;

use secnet_app::{Enclosures, Pdc};
use secnet_types::Operation;

use crate::failure::Failure;
use crate::keystore::Identity;
use crate::node::access_failure;

pub(crate) use access::{
    Answered, Wanted, collected, fresh_request, get, get_again, request, request_in, request_to,
};
pub(crate) use consent::{
    Permission, ask, compartments_of, days_from_now, fields_fit, grant, party_of, prepare_ask,
    prepare_grant, scope_of,
};
pub(crate) use keys::{COMPARTMENTS, compartments, lock_failure, save_compartments};
pub(crate) use members::{admission, admit};
pub(crate) use seal::{
    MAX_RECORDS_PER_UPLOAD, Offer, PlainRecord, Sealing, fresh, hosting, register, register_at,
    require_records, seal,
};

/// Sign an operation and hand it in.
pub(crate) async fn order(
    pdc: &Pdc,
    author: &Identity,
    operation: Operation,
    enclosures: Enclosures,
) -> Result<secnet_types::SignedCommand, Failure> {
    let command = pdc.sign(author.member(), operation, &author.signing);
    pdc.order(&command, enclosures).await.map_err(access_failure)?;
    Ok(command)
}
