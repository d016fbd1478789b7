use super::*;

fn of_meta(security: &str) -> String {
    let text = format!(r#"{{"meta":{{"security":[{security}]}}}}"#);
    Sensitivity::of_meta(&crate::json::parse(&text).unwrap()).to_string()
}

#[test]
fn every_label_is_restricted_and_has_its_own_name() {
    for (label, name) in Sensitivity::NAMES {
        assert!(label.is_restricted() && label.contains(Sensitivity::RESTRICTED));
        assert_eq!(Sensitivity::from_name(name), Some(label));
    }
    assert_eq!(Sensitivity::from_name("N"), Some(Sensitivity::NORMAL));
    assert_eq!(Sensitivity::from_name("psy"), None);
    assert_eq!(Sensitivity::NORMAL.to_string(), "N");
    let both = Sensitivity::HIV.union(Sensitivity::SUBSTANCE_USE);
    assert_eq!(both.to_string(), "R+ETH+HIV");
    assert!(both.contains(Sensitivity::HIV) && !Sensitivity::HIV.contains(both));
}

#[test]
fn bits_round_trip_and_impossible_sets_are_refused() {
    let valid: Vec<u8> = (0..=u8::MAX).filter(|b| Sensitivity::from_bits(*b).is_some()).collect();
    assert_eq!(valid.len(), 33);
    for bits in valid {
        assert_eq!(Sensitivity::from_bits(bits).unwrap().bits(), bits);
    }
    assert_eq!(Sensitivity::from_bits(0b10), None, "a label without `R`");
    assert_eq!(Sensitivity::from_bits(0b100_0001), None, "a label that does not exist");
}

#[test]
fn the_senders_labels_are_read() {
    let confidentiality = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
    let act = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
    for (system, code, want) in [
        (confidentiality, "N", "N"),
        (confidentiality, "U", "N"),
        (confidentiality, "R", "R"),
        (confidentiality, "V", "R"),
        (act, "ETHUD", "R+ETH"),
        (act, "OPIOIDUD", "R+ETH"),
        (act, "PSYTHPN", "R+PSY"),
        (act, "SDV", "R+SDV"),
        (act, "STD", "R+SEX"),
        (act, "GDIS", "R"),
        (act, "NODSCLCD", "R"),
        (act, "a label of next year", "R"),
        ("http://terminology.hl7.org/CodeSystem/v3-ActReason", "HTEST", "N"),
    ] {
        let coding = format!(r#"{{"system":"{system}","code":"{code}"}}"#);
        assert_eq!(of_meta(&coding), want, "{code}");
    }
    assert_eq!(of_meta(r#"{"code":"HIV"},{"code":"N"}"#), "R+HIV", "a label is never taken away");
    assert_eq!(of_meta(r#"{"display":"private"}"#), "R", "a label in words restricts");
    assert_eq!(of_meta(""), "N");
}
