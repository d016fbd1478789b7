//! Closed word lists: what data is for, what is done with it, what it is about, how sensitive it is.

use core::fmt;
use core::str::FromStr;

use minicbor::{Decode, Encode};

/// A word that is not in the list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not a {kind}; choose one of {choices}")]
pub struct VocabularyError {
    given: String,
    kind: &'static str,
    choices: String,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $kind:literal, { $($(#[$vdoc:meta])* $variant:ident = $n:literal $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
        #[cbor(index_only)]
        pub enum $name { $($(#[$vdoc])* #[n($n)] $variant,)* }

        impl $name {
            /// Every word, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word as users read and write it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// Its number in the byte form.
            #[must_use]
            pub const fn number(self) -> u32 {
                match self { $(Self::$variant => $n,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = VocabularyError;
            fn from_str(text: &str) -> Result<Self, VocabularyError> {
                Self::ALL.iter().copied().find(|w| w.as_str() == text).ok_or_else(|| VocabularyError {
                    given: text.to_owned(),
                    kind: $kind,
                    choices: Self::ALL.iter().map(|w| w.as_str()).collect::<Vec<_>>().join(", "),
                })
            }
        }
    };
}

words!(
    /// Where records can be opened.
    ServiceLevel, "service level", {
        /// Labelled and encrypted on the owner's side; only grantees decrypt. Field scope is impossible.
        Sealed = 0 "sealed",
        /// The owner trusts this PDC to hold both locks, for protocol doors, field scope and jobs.
        Hosted = 1 "hosted",
    }
);

words!(
    /// What somebody does at a hospital, as far as looking at records goes.
    StaffRole, "role", {
        /// Treats people.
        Doctor = 0 "doctor",
        /// Nurses people on one ward.
        Nurse = 1 "nurse",
        /// Nurses where somebody is missing.
        FloatNurse = 2 "float-nurse",
        /// Is asked for advice by all wards.
        Consultant = 3 "consultant",
        /// Pharmacy, laboratory, radiology, physiotherapy.
        Allied = 4 "allied",
        /// Bills, codes, plans.
        Clerk = 5 "clerk",
        /// Reads for research.
        Researcher = 6 "researcher",
        /// Anything else.
        Other = 7 "other",
    }
);

words!(
    /// What ties somebody who works at a hospital to a patient at this moment, as far as its systems say.
    Tie, "tie", {
        /// On the team that has the patient.
        Team = 0 "team",
        /// Asked for advice.
        Consult = 1 "consult",
        /// Has an appointment with the patient.
        Referral = 2 "referral",
        /// Sees the patient again after a stay.
        FollowUp = 3 "follow-up",
        /// On duty where the patient is.
        Duty = 4 "duty",
        /// On duty there within the hour before or the two hours after this.
        NearDuty = 5 "near-duty",
        /// Belongs to the unit where the patient is.
        Unit = 6 "unit",
    }
);

words!(
    /// Where a patient is.
    Place, "place", {
        /// Not in the hospital.
        Away = 0 "away",
        /// In a bed.
        Ward = 1 "ward",
        /// In the emergency room.
        EmergencyRoom = 2 "emergency-room",
        /// At an appointment.
        Clinic = 3 "clinic",
    }
);

words!(
    /// Why data is used. The words follow HL7 v3 PurposeOfUse; the code is in brackets.
    Purpose, "purpose", {
        /// Care of this person (TREAT).
        Treatment = 0 "treatment",
        /// Billing for that care (HPAYMT).
        Payment = 1 "payment",
        /// Running the hospital (HOPERAT).
        Operations = 2 "operations",
        /// Research (HRESCH).
        Research = 3 "research",
        /// Public health (PUBHLTH).
        PublicHealth = 4 "public-health",
        /// Emergency treatment, breaking the glass (BTG).
        Emergency = 5 "emergency",
        /// At the person's own request (PATRQT).
        PersonalUse = 6 "personal-use",
        /// Anything commercial (HMARKT).
        Marketing = 7 "marketing",
    }
);

words!(
    /// What is done with data.
    Action, "action", {
        /// Read single records.
        Read = 0 "read",
        /// Read everything that matches, in bulk.
        Export = 1 "export",
        /// Run a job on it; only results leave.
        Compute = 2 "compute",
    }
);

words!(
    /// What a record is about.
    Category, "category", {
        /// Who the person is.
        Demographics = 0 "demographics",
        /// Laboratory results.
        Laboratory = 1 "laboratory",
        /// Blood pressure, weight and the like.
        VitalSigns = 2 "vital-signs",
        /// Diagnoses and problems.
        Conditions = 3 "conditions",
        /// Medication.
        Medications = 4 "medications",
        /// Procedures.
        Procedures = 5 "procedures",
        /// Vaccinations.
        Immunizations = 6 "immunizations",
        /// Allergies.
        Allergies = 7 "allergies",
        /// Visits and stays.
        Encounters = 8 "encounters",
        /// Images.
        Imaging = 9 "imaging",
        /// Letters and notes.
        Documents = 10 "documents",
        /// Plans and goals of care.
        CarePlans = 11 "care-plans",
        /// Devices.
        Devices = 12 "devices",
        /// Claims and bills.
        Financial = 13 "financial",
        /// Organisations and practitioners.
        Organisations = 14 "organisations",
        /// Anything else.
        Other = 15 "other",
    }
);

words!(
    /// A sensitivity label, after HL7 v3 ActCode and Confidentiality.
    Label, "label", {
        /// Restricted (R).
        Restricted = 0 "restricted",
        /// Alcohol and drug use (ETH).
        SubstanceUse = 1 "substance-use",
        /// Mental health (PSY).
        MentalHealth = 2 "mental-health",
        /// HIV (HIV).
        Hiv = 3 "hiv",
        /// Sexual and domestic violence (SDV).
        Violence = 4 "violence",
        /// Sexual and reproductive health (SEX).
        SexualHealth = 5 "sexual-health",
        /// Genetics (GDIS).
        Genetics = 6 "genetics",
    }
);

/// A set of labels. The empty set is normal sensitivity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Encode)]
#[cbor(transparent)]
pub struct Labels(#[n(0)] u32);

impl Labels {
    /// No label: normal sensitivity.
    pub const NONE: Self = Self(0);
    /// Every label.
    pub const ALL: Self = Self((1 << Label::ALL.len()) - 1);

    /// With one more label.
    #[must_use]
    pub const fn with(self, label: Label) -> Self {
        Self(self.0 | (1 << label.number()))
    }

    /// Is the label in the set?
    #[must_use]
    pub const fn contains(self, label: Label) -> bool {
        self.0 & (1 << label.number()) != 0
    }

    /// Is every label of `self` also in `other`?
    #[must_use]
    pub const fn is_subset(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// Is there no label?
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The labels, in order.
    pub fn iter(self) -> impl Iterator<Item = Label> {
        Label::ALL.iter().copied().filter(move |label| self.contains(*label))
    }

    /// The bits, bit n for label number n.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }
}

impl<'b, C> Decode<'b, C> for Labels {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        let bits = d.u32()?;
        if bits & !Self::ALL.0 == 0 {
            Ok(Self(bits))
        } else {
            Err(minicbor::decode::Error::message("unknown label"))
        }
    }
}

impl FromIterator<Label> for Labels {
    fn from_iter<I: IntoIterator<Item = Label>>(labels: I) -> Self {
        labels.into_iter().fold(Self::NONE, Self::with)
    }
}
