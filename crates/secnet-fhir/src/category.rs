//! What kind of record a resource is, in words a patient uses.

use std::fmt;

use crate::ResourceType;
use crate::json::{Json, codings_of, items};

macro_rules! categories {
    ($($(#[$doc:meta])* $variant:ident => $name:literal,)*) => {
        /// What kind of record it is. Grants and key compartments name it, so the set is closed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Category {
            $($(#[$doc])* $variant,)*
        }

        impl Category {
            /// Every category, in the order of the enum.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word used in grants, on the command line and in JSON.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

categories! {
    /// Who the patient is: name, birth, address, relatives.
    Demographics => "demographics",
    /// Laboratory results and specimens.
    Laboratory => "laboratory",
    /// Height, weight, blood pressure and other vital signs.
    VitalSigns => "vital-signs",
    /// Diagnoses and problems.
    Conditions => "conditions",
    /// Prescribed, given and taken medicines.
    Medications => "medications",
    /// Procedures and orders for them.
    Procedures => "procedures",
    /// Vaccinations.
    Immunizations => "immunizations",
    /// Allergies, intolerances and adverse events.
    Allergies => "allergies",
    /// Visits, stays and appointments.
    Encounters => "encounters",
    /// Imaging studies and their reports.
    Imaging => "imaging",
    /// Letters, notes and questionnaires.
    Documents => "documents",
    /// Care plans, goals and teams.
    CarePlans => "care-plans",
    /// Devices and implants.
    Devices => "devices",
    /// Claims, bills and coverage.
    Financial => "financial",
    /// Practitioners, organisations and places: about the care provider, not the patient.
    Organisation => "organisation",
    /// Everything else.
    Other => "other",
}

impl Category {
    /// The category called `name`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|category| category.as_str() == name)
    }

    /// The category of a parsed resource: its type and, for results, the category it states.
    pub(crate) fn of(resource_type: ResourceType, resource: &Json<'_>) -> Self {
        match resource_type.as_str() {
            "Observation" => stated(resource).unwrap_or(Self::Other),
            "DiagnosticReport" => stated(resource).unwrap_or(Self::Laboratory),
            name => by_type(name),
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The category an Observation or DiagnosticReport states; the earliest in [`Category::ALL`] wins.
fn stated(resource: &Json<'_>) -> Option<Category> {
    items(resource, "category")
        .flat_map(codings_of)
        .filter_map(|(_, code)| match code {
            // HL7 v2 table 0074 (diagnostic services) and observation-category.
            "laboratory" | "LAB" | "CH" | "HM" | "MB" | "BLB" | "SP" | "CP" | "GE" | "IMM"
            | "LP29693-6" | "LP7839-6" => Some(Category::Laboratory),
            // Synthea 2.4 writes `vital-sign`.
            "vital-signs" | "vital-sign" => Some(Category::VitalSigns),
            "imaging" | "RAD" | "RUS" | "CT" | "NMR" | "NMS" | "CUS" | "LP29684-5" => {
                Some(Category::Imaging)
            }
            "procedure" => Some(Category::Procedures),
            // LOINC document types, by which US Core marks notes.
            "34117-2" | "51847-2" | "11506-3" | "18842-5" | "clinical-note" => {
                Some(Category::Documents)
            }
            _ => None,
        })
        .min()
}

fn by_type(name: &str) -> Category {
    match name {
        "Patient" | "RelatedPerson" | "Person" => Category::Demographics,
        "Specimen" | "MolecularSequence" => Category::Laboratory,
        "Condition"
        | "ClinicalImpression"
        | "FamilyMemberHistory"
        | "DetectedIssue"
        | "RiskAssessment" => Category::Conditions,
        "Medication"
        | "MedicationRequest"
        | "MedicationStatement"
        | "MedicationAdministration"
        | "MedicationDispense" => Category::Medications,
        "Procedure" | "ServiceRequest" | "BodyStructure" => Category::Procedures,
        "Immunization" | "ImmunizationEvaluation" | "ImmunizationRecommendation" => {
            Category::Immunizations
        }
        "AllergyIntolerance" | "AdverseEvent" => Category::Allergies,
        "Encounter" | "EpisodeOfCare" | "Appointment" | "AppointmentResponse" => {
            Category::Encounters
        }
        "ImagingStudy" | "Media" => Category::Imaging,
        "DocumentReference"
        | "DocumentManifest"
        | "Composition"
        | "Binary"
        | "QuestionnaireResponse"
        | "Communication" => Category::Documents,
        "CarePlan" | "CareTeam" | "Goal" | "NutritionOrder" => Category::CarePlans,
        "Device" | "DeviceRequest" | "DeviceUseStatement" | "DeviceMetric" => Category::Devices,
        "Account"
        | "Claim"
        | "ClaimResponse"
        | "ChargeItem"
        | "Coverage"
        | "CoverageEligibilityRequest"
        | "CoverageEligibilityResponse"
        | "EnrollmentRequest"
        | "EnrollmentResponse"
        | "ExplanationOfBenefit"
        | "Invoice"
        | "PaymentNotice"
        | "PaymentReconciliation" => Category::Financial,
        "Practitioner"
        | "PractitionerRole"
        | "Organization"
        | "OrganizationAffiliation"
        | "Location"
        | "HealthcareService"
        | "Endpoint" => Category::Organisation,
        _ => Category::Other,
    }
}
