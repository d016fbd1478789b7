//! Which clinical codes make a record sensitive.
//!
//! The labels are the sensitivity codes of HL7 v3 ActCode (`ETH`, `PSY`, `HIV`, `SDV`, `SEX`), whose
//! definitions and what US law asks apart (42 CFR part 2: substance use) drew the lines. The codes are
//! those that Synthea writes (2.4 of 2019 and its US Core output of 2024), and the plainest ones of
//! SNOMED CT, ICD-10, LOINC and RxNorm beside them. Such a list is never complete: a sender who knows
//! better writes `meta.security`, and both are joined.
//!
//! Deliberately not labelled: tobacco, dementia, screening that everybody gets under a code that does
//! not name the illness, and medicines used as often for something else (diazepam for epilepsy).

use crate::Sensitivity;

/// The label that a code means; normal if it is in no list.
pub(crate) fn label(system: &str, code: &str) -> Sensitivity {
    match system {
        "http://snomed.info/sct" => listed(SNOMED, code),
        "http://loinc.org" => listed(LOINC, code),
        "http://www.nlm.nih.gov/research/umls/rxnorm" => listed(RXNORM, code),
        "http://hl7.org/fhir/sid/icd-10-cm" | "http://hl7.org/fhir/sid/icd-10" => icd10(code),
        _ => Sensitivity::NORMAL,
    }
}

const ETH: Sensitivity = Sensitivity::SUBSTANCE_USE;
const PSY: Sensitivity = Sensitivity::MENTAL_HEALTH;
const HIV: Sensitivity = Sensitivity::HIV;
const SDV: Sensitivity = Sensitivity::VIOLENCE;
const SEX: Sensitivity = Sensitivity::SEXUAL_HEALTH;

/// A table sorted by code.
type Codes = &'static [(&'static str, Sensitivity)];

fn listed(codes: Codes, code: &str) -> Sensitivity {
    codes
        .binary_search_by(|(known, _)| (*known).cmp(code))
        .ok()
        .and_then(|at| codes.get(at))
        .map_or(Sensitivity::NORMAL, |(_, label)| *label)
}

/// ICD-10 is a hierarchy, so ranges of three-character categories and a few finer prefixes do.
fn icd10(code: &str) -> Sensitivity {
    if let Some((_, label)) = ICD10_PREFIXES.iter().find(|(prefix, _)| code.starts_with(prefix)) {
        return *label;
    }
    let Some(category) = code.get(..3) else { return Sensitivity::NORMAL };
    ICD10_RANGES
        .iter()
        .find(|(first, last, _)| (*first..=*last).contains(&category))
        .map_or(Sensitivity::NORMAL, |(_, _, label)| *label)
}

const ICD10_PREFIXES: &[(&str, Sensitivity)] = &[
    ("F17", Sensitivity::NORMAL), // nicotine
    ("F52", SEX),                 // sexual dysfunction
    ("F64", SEX),                 // gender identity
    ("F65", SEX),                 // paraphilias
    ("F66", SEX),                 // sexual development
    ("O98.7", HIV),               // HIV complicating pregnancy
    ("R75", HIV),                 // inconclusive HIV test
    ("R45.85", PSY),              // suicidal ideation
    ("Z04.4", SDV),               // examination after alleged rape
    ("Z11.3", SEX),               // screening for sexually transmitted infection
    ("Z11.4", HIV),               // screening for HIV
    ("Z33.2", SEX),               // encounter for termination of pregnancy
    ("Z71.41", ETH),              // alcohol counselling
    ("Z71.51", ETH),              // drug counselling
    ("Z71.7", HIV),               // HIV counselling
    ("Z72.5", SEX),               // high-risk sexual behaviour
];

const ICD10_RANGES: &[(&str, &str, Sensitivity)] = &[
    ("A50", "A64", SEX), // infections with a mainly sexual mode of transmission
    ("B20", "B24", HIV),
    ("F10", "F19", ETH),
    ("F20", "F69", PSY),
    ("F80", "F99", PSY),
    ("N96", "N97", SEX), // recurrent loss, infertility
    ("O00", "O08", SEX), // pregnancy with abortive outcome
    ("T74", "T74", SDV), // abuse, confirmed
    ("T76", "T76", SDV), // abuse, suspected
    ("X71", "X83", PSY), // intentional self-harm
    ("Y07", "Y07", SDV), // perpetrator of abuse
    ("Z21", "Z21", HIV),
    ("Z30", "Z31", SEX), // contraception, procreative management
    ("Z69", "Z69", SDV), // services for victims of abuse
];

/// SNOMED CT, sorted as text. Marks: `19` in the Synthea data of 2019, `24` in that of 2024.
#[rustfmt::skip]
const SNOMED: Codes = &[
    ("10383002", SEX),          // counselling for termination of pregnancy (19, 24)
    ("105629000", SEX),         // chlamydial infection
    ("10939881000119105", ETH), // unhealthy alcohol drinking behaviour (24)
    ("13746004", PSY),          // bipolar disorder
    ("15167005", ETH),          // alcohol abuse
    ("156073000", SEX),         // fetus with unknown complication (19)
    ("15628003", SEX),          // gonorrhoea
    ("165816005", HIV),         // HIV positive
    ("165829005", SEX),         // gonorrhoea test (19, 24)
    ("169553002", SEX),         // insertion of subcutaneous contraceptive (19, 24)
    ("171207006", PSY),         // depression screening (19, 24)
    ("19169002", SEX),          // miscarriage in first trimester (19)
    ("191736004", PSY),         // obsessive-compulsive disorder
    ("191816009", ETH),         // drug dependence
    ("192127007", PSY),         // child attention deficit disorder (19)
    ("197480006", PSY),         // anxiety disorder
    ("20010003", PSY),          // borderline personality disorder
    ("21897009", PSY),          // generalised anxiety disorder
    ("22523008", SEX),          // vasectomy (19)
    ("225337009", PSY),         // suicide risk assessment (19)
    ("228557008", PSY),         // cognitive and behavioural therapy (19)
    ("236931002", SEX),         // methotrexate injection into tubal pregnancy (19)
    ("24165007", ETH),          // alcoholism counselling (19)
    ("243077000", SEX),         // recommendation to limit sexual activity (19)
    ("248062006", PSY),         // self-injurious behaviour
    ("248110007", SDV),         // sexual assault
    ("252160004", SEX),         // standard pregnancy test (19, 24)
    ("266707007", ETH),         // drug addiction therapy (19)
    ("269828009", SEX),         // syphilis test (19, 24)
    ("287664005", SEX),         // bilateral tubal ligation (19)
    ("301807007", SEX),         // removal of subcutaneous contraceptive (19, 24)
    ("304822001", PSY),         // psychodynamic interpersonal therapy (19)
    ("310861008", SEX),         // chlamydia antigen test (19, 24)
    ("313071005", ETH),         // counselling for substance abuse (19)
    ("31676001", HIV),          // HIV antigen test (19, 24)
    ("31956009", ETH),          // cocaine dependence
    ("33839006", SEX),          // genital herpes simplex
    ("35489007", PSY),          // depressive disorder
    ("35999006", SEX),          // blighted ovum (19)
    ("361055000", ETH),         // misuses drugs (24)
    ("36923009", PSY),          // major depression, single episode (19)
    ("370143000", PSY),         // major depressive disorder (19)
    ("371631005", PSY),         // panic disorder
    ("385892002", PSY),         // mental health screening (19)
    ("386394001", SEX),         // pregnancy termination care (19, 24)
    ("386522008", PSY),         // overactivity and inattention behaviour management (19)
    ("397940009", SDV),         // victim of child abuse
    ("405783006", PSY),         // psychological assessment (19)
    ("406185000", PSY),         // trauma therapy (19)
    ("406506008", PSY),         // attention deficit hyperactivity disorder
    ("408935001", ETH),         // substance abuse prevention education (19)
    ("408936000", ETH),         // substance abuse prevention management (19)
    ("424393004", SDV),         // reports of violence in the environment (24)
    ("425680009", PSY),         // cognitive behavioural therapy by a team (19)
    ("445912000", SEX),         // surgical removal of ectopic pregnancy (19)
    ("454711000124102", PSY),   // depression screening, PHQ-2 (24)
    ("46706006", SEX),          // replacement of intrauterine contraceptive device (19, 24)
    ("47505003", PSY),          // post-traumatic stress disorder (19)
    ("55680006", ETH),          // drug overdose (19)
    ("5602001", ETH),           // opioid abuse (19)
    ("58214004", PSY),          // schizophrenia
    ("60112009", ETH),          // drug addiction counselling (19)
    ("61480009", ETH),          // drug detoxification (19)
    ("62479008", HIV),          // AIDS
    ("6471006", PSY),           // suicidal thoughts
    ("65200003", SEX),          // insertion of intrauterine contraceptive device (19, 24)
    ("66590003", ETH),          // alcohol dependence
    ("68254000", SEX),          // removal of intrauterine device (19)
    ("706893006", SDV),         // victim of intimate partner abuse (24)
    ("710841007", PSY),         // assessment of anxiety (24)
    ("713106006", ETH),         // screening for drug abuse (24)
    ("714812005", SEX),         // induced termination of pregnancy (19, 24)
    ("715252007", PSY),         // depression screening, PHQ-9 (19, 24)
    ("718347000", PSY),         // mental health care plan (19)
    ("7200002", ETH),           // alcoholism (19)
    ("72366004", PSY),          // eating disorder
    ("72892002", SEX),          // normal pregnancy (19, 24)
    ("736254008", PSY),         // psychiatry care plan (19)
    ("737434004", PSY),         // major depressive disorder management plan (19)
    ("75544000", ETH),          // opioid dependence
    ("755621000000101", SEX),   // replacement of subcutaneous contraceptive (19)
    ("76168009", PSY),          // group psychotherapy (19)
    ("76272004", SEX),          // syphilis
    ("763302001", ETH),         // AUDIT-C (24)
    ("79094001", PSY),          // initial psychiatric interview (19)
    ("79586000", SEX),          // tubal pregnancy (19)
    ("80583007", PSY),          // severe anxiety, panic (24)
    ("82313006", PSY),          // suicide attempt
    ("85005007", ETH),          // cannabis dependence
    ("86406008", HIV),          // HIV infection
    ("866148006", SDV),         // screening for domestic abuse (24)
    ("88848003", PSY),          // psychiatric follow-up (19)
    ("91947003", HIV),          // asymptomatic HIV infection
    ("93461009", SEX),          // gender dysphoria
];

/// LOINC, sorted as text.
#[rustfmt::skip]
const LOINC: Codes = &[
    ("20447-9", HIV), // HIV-1 RNA
    ("28245-9", SDV), // abuse status (19)
    ("44249-1", PSY), // PHQ-9
    ("44261-6", PSY), // PHQ-9 total
    ("55277-8", HIV), // HIV status (19)
    ("55757-9", PSY), // PHQ-2
    ("55758-7", PSY), // PHQ-2 total
    ("56888-1", HIV), // HIV-1 and 2 antibodies and antigen
    ("69737-5", PSY), // GAD-7
    ("70274-6", PSY), // GAD-7 total
    ("72109-2", ETH), // AUDIT-C
    ("75443-2", PSY), // mental health outpatient note (19)
    ("75626-2", ETH), // AUDIT-C total
    ("76499-3", SDV), // HARK: afraid of partner
    ("76504-0", SDV), // HARK total
    ("76690-7", SEX), // sexual orientation (19)
    ("76691-5", SEX), // gender identity
    ("82666-9", ETH), // DAST-10
    ("82667-7", ETH), // DAST-10 total
    ("84215-3", PSY), // mental health telehealth note (19)
];

/// RxNorm, sorted as text: the products Synthea prescribes (19), and plain ingredients.
#[rustfmt::skip]
const RXNORM: Codes = &[
    ("1000126", SEX), // medroxyprogesterone, contraceptive injection (19)
    ("1000156", SEX), // medroxyprogesterone, prefilled syringe (19)
    ("1091392", PSY), // methylphenidate (19)
    ("11413", HIV),   // zidovudine
    ("1359133", SEX), // Estrostep (19)
    ("1367439", SEX), // NuvaRing (19)
    ("1433868", HIV), // dolutegravir
    ("1534809", SEX), // norelgestromin patch (19)
    ("1605257", SEX), // Liletta (19)
    ("1819", ETH),    // buprenorphine
    ("1856546", SEX), // Kyleena (19)
    ("190521", HIV),  // abacavir
    ("195085", HIV),  // efavirenz
    ("235389", SEX),  // Enovid (19)
    ("2556", PSY),    // citalopram
    ("2626", PSY),    // clozapine
    ("276237", HIV),  // emtricitabine
    ("321988", PSY),  // escitalopram
    ("328670", PSY),  // sertraline (19)
    ("32937", PSY),   // paroxetine
    ("343047", HIV),  // atazanavir
    ("3554", ETH),    // disulfiram
    ("35636", PSY),   // risperidone
    ("36437", PSY),   // sertraline
    ("389221", SEX),  // etonogestrel implant (19, 24)
    ("39786", PSY),   // venlafaxine
    ("406022", PSY),  // fluoxetine (19)
    ("42347", PSY),   // bupropion
    ("4493", PSY),    // fluoxetine
    ("460132", HIV),  // darunavir
    ("5093", PSY),    // haloperidol
    ("51272", PSY),   // quetiapine
    ("53654", HIV),   // nevirapine
    ("608139", PSY),  // atomoxetine (19)
    ("61381", PSY),   // olanzapine
    ("6448", PSY),    // lithium
    ("6813", ETH),    // methadone
    ("68244", HIV),   // lamivudine
    ("719872", HIV),  // raltegravir
    ("7242", ETH),    // naloxone
    ("7243", ETH),    // naltrexone
    ("748856", SEX),  // Yaz (19)
    ("748879", SEX),  // Levora (19)
    ("748962", SEX),  // Camila (19)
    ("749762", SEX),  // Seasonique (19)
    ("749785", SEX),  // Ortho Tri-Cyclen (19)
    ("749882", SEX),  // Norinyl (19)
    ("751905", SEX),  // Trinessa (19)
    ("757594", SEX),  // Jolivette (19)
    ("807283", SEX),  // Mirena (19)
    ("82819", ETH),   // acamprosate
    ("831533", SEX),  // Errin (19)
    ("85762", HIV),   // ritonavir
    ("89013", PSY),   // aripiprazole
    ("978950", SEX),  // Natazia (19)
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted_without_duplicates() {
        for table in [SNOMED, LOINC, RXNORM] {
            for pair in table.windows(2) {
                assert!(pair[0].0 < pair[1].0, "{} before {}", pair[0].0, pair[1].0);
            }
        }
    }

    #[test]
    fn icd_10_follows_its_hierarchy() {
        for (code, label) in [
            ("F11.20", ETH),
            ("F17.210", Sensitivity::NORMAL),
            ("F32.9", PSY),
            ("F64.0", SEX),
            ("Z72.0", Sensitivity::NORMAL),
            ("Z72.51", SEX),
            ("\u{e9}\u{e9}", Sensitivity::NORMAL),
            ("F02.80", Sensitivity::NORMAL),
            ("B20", HIV),
            ("T74.11XA", SDV),
            ("E11.9", Sensitivity::NORMAL),
            ("F", Sensitivity::NORMAL),
            ("", Sensitivity::NORMAL),
        ] {
            assert_eq!(icd10(code), label, "{code}");
        }
    }
}
