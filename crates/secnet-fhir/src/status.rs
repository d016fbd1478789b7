//! Value sets with required binding, of the resource types that hospitals exchange most (FHIR R4 4.0.1).

/// The elements of a type whose value must be one of a list.
pub(crate) fn value_sets(type_name: &str) -> &'static [(&'static str, &'static [&'static str])] {
    match type_name {
        "Observation" => &[("status", OBSERVATION)],
        "DiagnosticReport" => &[("status", REPORT)],
        "Encounter" => &[("status", ENCOUNTER)],
        "EpisodeOfCare" => &[("status", EPISODE)],
        "Procedure" => &[("status", EVENT)],
        "MedicationAdministration" => &[("status", ADMINISTRATION)],
        "MedicationDispense" => &[("status", DISPENSE)],
        "MedicationRequest" => {
            &[("status", MEDICATION_REQUEST), ("intent", INTENT), ("priority", PRIORITY)]
        }
        "MedicationStatement" => &[("status", STATEMENT)],
        "ServiceRequest" => &[("status", REQUEST), ("intent", INTENT), ("priority", PRIORITY)],
        "CarePlan" => &[("status", REQUEST), ("intent", PLAN_INTENT)],
        "CareTeam" => &[("status", CARE_TEAM)],
        "Goal" => &[("lifecycleStatus", GOAL)],
        "Immunization" => &[("status", &["completed", "entered-in-error", "not-done"])],
        "ImagingStudy" => &[("status", IMAGING)],
        "AllergyIntolerance" => &[
            ("type", &["allergy", "intolerance"]),
            ("category", &["food", "medication", "environment", "biologic"]),
            ("criticality", &["low", "high", "unable-to-assess"]),
        ],
        "DocumentReference" => &[
            ("status", &["current", "superseded", "entered-in-error"]),
            ("docStatus", &["preliminary", "final", "amended", "entered-in-error"]),
        ],
        "Composition" => &[("status", &["preliminary", "final", "amended", "entered-in-error"])],
        "Device" => &[("status", &["active", "inactive", "entered-in-error", "unknown"])],
        "Location" => {
            &[("status", &["active", "suspended", "inactive"]), ("mode", &["instance", "kind"])]
        }
        "Consent" => &[("status", CONSENT)],
        "Claim" => &[("status", FINANCIAL), ("use", CLAIM_USE)],
        "ExplanationOfBenefit" => {
            &[("status", FINANCIAL), ("use", CLAIM_USE), ("outcome", OUTCOME)]
        }
        "ClaimResponse" => &[("status", FINANCIAL), ("use", CLAIM_USE), ("outcome", OUTCOME)],
        "Coverage" => &[("status", FINANCIAL)],
        "Patient" | "Practitioner" | "RelatedPerson" | "Person" => &[("gender", GENDER)],
        _ => &[],
    }
}

const GENDER: &[&str] = &["male", "female", "other", "unknown"];
const OBSERVATION: &[&str] = &[
    "registered",
    "preliminary",
    "final",
    "amended",
    "corrected",
    "cancelled",
    "entered-in-error",
    "unknown",
];
const REPORT: &[&str] = &[
    "registered",
    "partial",
    "preliminary",
    "final",
    "amended",
    "corrected",
    "appended",
    "cancelled",
    "entered-in-error",
    "unknown",
];
const ENCOUNTER: &[&str] = &[
    "planned",
    "arrived",
    "triaged",
    "in-progress",
    "onleave",
    "finished",
    "cancelled",
    "entered-in-error",
    "unknown",
];
const EPISODE: &[&str] =
    &["planned", "waitlist", "active", "onhold", "finished", "cancelled", "entered-in-error"];
const EVENT: &[&str] = &[
    "preparation",
    "in-progress",
    "not-done",
    "on-hold",
    "stopped",
    "completed",
    "entered-in-error",
    "unknown",
];
const ADMINISTRATION: &[&str] =
    &["in-progress", "not-done", "on-hold", "completed", "entered-in-error", "stopped", "unknown"];
const DISPENSE: &[&str] = &[
    "preparation",
    "in-progress",
    "cancelled",
    "on-hold",
    "completed",
    "entered-in-error",
    "stopped",
    "declined",
    "unknown",
];
const MEDICATION_REQUEST: &[&str] = &[
    "active",
    "on-hold",
    "cancelled",
    "completed",
    "entered-in-error",
    "stopped",
    "draft",
    "unknown",
];
const STATEMENT: &[&str] = &[
    "active",
    "completed",
    "entered-in-error",
    "intended",
    "stopped",
    "on-hold",
    "unknown",
    "not-taken",
];
const REQUEST: &[&str] =
    &["draft", "active", "on-hold", "revoked", "completed", "entered-in-error", "unknown"];
const INTENT: &[&str] = &[
    "proposal",
    "plan",
    "directive",
    "order",
    "original-order",
    "reflex-order",
    "filler-order",
    "instance-order",
    "option",
];
const PLAN_INTENT: &[&str] = &["proposal", "plan", "order", "option"];
const PRIORITY: &[&str] = &["routine", "urgent", "asap", "stat"];
const CARE_TEAM: &[&str] = &["proposed", "active", "suspended", "inactive", "entered-in-error"];
const GOAL: &[&str] = &[
    "proposed",
    "planned",
    "accepted",
    "active",
    "on-hold",
    "completed",
    "cancelled",
    "entered-in-error",
    "rejected",
];
const IMAGING: &[&str] = &["registered", "available", "cancelled", "entered-in-error", "unknown"];
const CONSENT: &[&str] =
    &["draft", "proposed", "active", "rejected", "inactive", "entered-in-error"];
const FINANCIAL: &[&str] = &["active", "cancelled", "draft", "entered-in-error"];
const CLAIM_USE: &[&str] = &["claim", "preauthorization", "predetermination"];
const OUTCOME: &[&str] = &["queued", "complete", "error", "partial"];
