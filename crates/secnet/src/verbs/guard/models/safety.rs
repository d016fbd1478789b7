//! What no learnt model may do at this data centre: what its own past shows. An owner at her own data, the data centre itself and
//! emergencies are out of its reach by construction.

use secnet_app::PastRequest;
use secnet_guard::Learnt;
use secnet_types::MemberId;

use super::rows::is_asked;
use crate::verbs::rules;

/// Those of the requests that a model would have held.
pub(super) fn met<'p>(
    learnt: &Learnt,
    past: &'p [PastRequest],
    pdc: MemberId,
) -> Vec<&'p PastRequest> {
    let asked = past.iter().filter(|request| is_asked(request, pdc));
    asked.filter(|request| learnt.holds(&request.features)).collect()
}

/// Why the model must not be in force here, as a sentence.
pub(super) fn against(learnt: &Learnt, past: &[PastRequest], pdc: MemberId) -> Option<String> {
    let met = met(learnt, past, pdc);
    rules::stops_everyone(&met, past).or_else(|| {
        let treated = rules::treated(&met);
        (treated > 0).then(|| {
            format!("it would have stopped {treated} uses for treatment that nobody objected to")
        })
    })
}
