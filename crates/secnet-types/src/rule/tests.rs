use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::{GroupId, MemberId, encode};

const NEW_YEAR_2027: Timestamp = Timestamp(1_798_761_600_000);

fn context() -> RuleContext<'static> {
    const PARTIES: &[Party] = &[Party::Member(MemberId([1; 32])), Party::Group(GroupId([2; 16]))];
    RuleContext {
        dataset: DatasetId([1; 16]),
        parties: PARTIES,
        purpose: Purpose::Research,
        now: Timestamp(1000),
    }
}

fn sample() -> Rule {
    let conditions = vec![
        Condition::above(Feature::RequestsLastMinute, 30).unwrap(),
        Condition::new(Feature::HourOfDay, Test::NotBetween(7, 19)).unwrap(),
    ];
    let scope = RuleScope { purpose: Some(Purpose::Research), ..RuleScope::ALL };
    Rule::new(RuleAction::Deny, conditions, scope, NEW_YEAR_2027).unwrap()
}

fn value(feature: Feature) -> BoxedStrategy<FeatureValue> {
    match feature.kind() {
        FeatureKind::Number { low, high } => {
            (low..=high.min(40)).prop_map(FeatureValue::Number).boxed()
        }
        FeatureKind::Word(list) => {
            (0..list.all().count_ones()).prop_map(|n| FeatureValue::Words(1 << n)).boxed()
        }
        FeatureKind::Words(list) => (0..=list.all()).prop_map(FeatureValue::Words).boxed(),
        FeatureKind::Text => "[a-c*\"\\\\]{0,4}".prop_map(FeatureValue::Text).boxed(),
        FeatureKind::Address => (0..4_u8, 0..4_u8)
            .prop_map(|(a, b)| FeatureValue::Address([10 + (a & 1), a, 0, b].into()))
            .boxed(),
    }
}

fn test(feature: Feature) -> BoxedStrategy<Test> {
    match feature.kind() {
        FeatureKind::Number { high, .. } => {
            let high = high.min(40);
            let range = (0..=high, 0..=high).prop_map(|(a, b)| (a.min(b), a.max(b)));
            prop_oneof![
                (0..=high).prop_map(|a| Test::Between(a, i64::MAX)),
                (0..=high).prop_map(|a| Test::Between(i64::MIN, a)),
                range.clone().prop_map(|(a, b)| Test::Between(a, b)),
                range.prop_map(|(a, b)| Test::NotBetween(a, b)),
            ]
            .boxed()
        }
        FeatureKind::Word(list) | FeatureKind::Words(list) => (0..=list.all(), any::<bool>())
            .prop_map(|(m, not)| if not { Test::NoWord(m) } else { Test::AnyWord(m) })
            .boxed(),
        FeatureKind::Text => {
            let text = "[a-c*\"\\\\\u{e9}]{1,2}";
            let texts = prop::collection::btree_set("[a-c*\"\\\\]{0,3}", 1..4);
            prop_oneof![
                texts.clone().prop_map(Test::AnyText),
                texts.prop_map(Test::NoText),
                text.prop_map(Test::Prefix),
                text.prop_map(Test::Suffix),
                text.prop_map(Test::Contains),
            ]
            .boxed()
        }
        FeatureKind::Address => (0..2_u8, 0..4_u8, any::<bool>(), any::<bool>())
            .prop_map(|(a, b, long, not)| {
                let (first, prefix) =
                    if long { ([10 + a, b, 0, 0], 16) } else { ([10 + a, 0, 0, 0], 8) };
                let block = AddressBlock::new(first.into(), prefix).unwrap();
                if not { Test::Outside(block) } else { Test::Inside(block) }
            })
            .boxed(),
    }
}

fn condition() -> impl Strategy<Value = Condition> {
    condition_on(Feature::ALL)
}

fn condition_on(features: &'static [Feature]) -> impl Strategy<Value = Condition> {
    prop::sample::select(features)
        .prop_flat_map(|feature| (Just(feature), test(feature)))
        .prop_filter_map("vacuous", |(feature, test)| Condition::new(feature, test).ok())
}

fn scope() -> impl Strategy<Value = RuleScope> {
    let party = prop_oneof![
        (0..3_u8).prop_map(|n| Party::Member(MemberId([n; 32]))),
        (0..3_u8).prop_map(|n| Party::Group(GroupId([n; 16]))),
        (0..3_u8).prop_map(|n| Party::Organisation(MemberId([n; 32]))),
    ];
    (
        prop::option::weighted(0.2, (0..3_u8).prop_map(|n| DatasetId([n; 16]))),
        prop::option::weighted(0.2, party),
        prop::option::weighted(0.2, prop::sample::select(Purpose::ALL)),
    )
        .prop_map(|(dataset, party, purpose)| RuleScope { dataset, party, purpose })
}

fn rule() -> impl Strategy<Value = Rule> {
    let conditions = prop::collection::vec(condition(), 1..=4);
    let expires = prop_oneof![4 => Just(Timestamp::MAX), 1 => (0..2000_u64).prop_map(Timestamp)];
    (prop::sample::select(RuleAction::ALL), conditions, scope(), expires)
        .prop_filter_map("contradiction", |(action, conditions, scope, expires)| {
            Rule::new(action, conditions, scope, expires).ok()
        })
}

fn facts() -> impl Strategy<Value = FeatureVector> {
    let values: Vec<_> =
        Feature::ALL.iter().map(|feature| prop::option::weighted(0.85, value(*feature))).collect();
    values.prop_map(|values| {
        let mut facts = FeatureVector::new();
        for (feature, value) in Feature::ALL.iter().zip(values) {
            if let Some(value) = value {
                facts.set(*feature, value).unwrap();
            }
        }
        facts
    })
}

proptest! {
    #[test]
    fn canonical_bytes_round_trip(rule in rule()) {
        prop_assert_eq!(Rule::from_bytes(&encode(&rule)).unwrap(), rule);
    }

    #[test]
    fn cedar_round_trips(rule in rule()) {
        let text = rule.to_cedar();
        prop_assert_eq!(Rule::from_cedar(&text).map_err(|e| format!("{e}\n{text}")).unwrap(), rule);
    }

    #[test]
    fn the_indexed_matcher_equals_a_scan(
        rules in prop::collection::vec(rule(), 0..80),
        facts in prop::collection::vec(facts(), 1..8),
    ) {
        let set = RuleSet::new(rules.clone()).unwrap();
        for facts in facts {
            let scan: BTreeSet<_> = rules
                .iter()
                .filter(|rule| rule.matches(&facts, &context()))
                .map(|rule| RuleMatch { rule: rule.id(), action: rule.action() })
                .collect();
            prop_assert_eq!(set.matches(&facts, &context()), scan.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn several_tests_of_one_feature_are_matched_as_by_a_scan(
        lists in prop::collection::vec(
            prop::collection::vec(condition_on(&[Feature::Door, Feature::Labels]), 2..4), 1..80),
        facts in prop::collection::vec(facts(), 1..8),
    ) {
        let rule = |list| Rule::new(RuleAction::Hold, list, RuleScope::ALL, Timestamp::MAX).ok();
        let rules: BTreeSet<Rule> = lists.into_iter().filter_map(rule).collect();
        let set = RuleSet::new(rules.clone()).unwrap();
        for facts in facts {
            let scan = rules.iter().filter(|rule| rule.matches(&facts, &context()));
            let scan: BTreeSet<_> = scan.map(Rule::id).collect();
            let indexed = set.matches(&facts, &context());
            prop_assert!(indexed.iter().map(|m| m.rule).eq(scan));
        }
    }

    #[test]
    fn normal_form_keeps_the_meaning_and_forgets_the_order(
        conditions in prop::collection::vec(condition(), 1..=4),
        facts in facts(),
    ) {
        let plain = conditions.iter().all(|c| c.holds(&facts));
        let reversed = conditions.iter().rev().cloned().collect();
        let new = |list| Rule::new(RuleAction::Hold, list, RuleScope::ALL, Timestamp::MAX);
        match (new(conditions), new(reversed)) {
            (Ok(a), Ok(b)) => {
                prop_assert_eq!(a.matches(&facts, &context()), plain);
                prop_assert_eq!(a.id(), b.id());
            }
            (Err(RuleError::NeverTrue { .. }), Err(_)) => prop_assert!(!plain),
            (a, b) => prop_assert!(a.is_err() && b.is_err()),
        }
    }

    #[test]
    fn a_safe_value_makes_the_condition_false(condition in condition(), facts in facts()) {
        if let Some(safe) = facts.value(condition.feature()).and_then(|v| condition.safe_value(v)) {
            let changed = facts.with(condition.feature(), safe).unwrap();
            prop_assert!(!condition.holds(&changed));
        }
    }

    #[test]
    fn facts_round_trip(facts in facts()) {
        prop_assert_eq!(crate::decode::<FeatureVector>("facts", &encode(&facts), 65_536).unwrap(), facts);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[ -~\\n]{0,200}") {
        prop_assert!(Rule::from_cedar(&text).is_err());
    }

    #[test]
    fn a_damaged_rule_text_never_panics(rule in rule(), at in 0..400_usize, c in any::<char>()) {
        let mut text: Vec<char> = rule.to_cedar().chars().collect();
        let at = at % text.len();
        text[at] = c;
        let text: String = text.into_iter().collect();
        if let Ok(read) = Rule::from_cedar(&text) {
            prop_assert_eq!(Rule::from_cedar(&read.to_cedar()).unwrap(), read);
        }
    }
}

#[test]
fn a_rule_reads_as_a_sentence() {
    assert_eq!(
        sample().to_string(),
        "deny when requests in the last minute > 30 and hour of day is not between 7 and 19, for purpose research, until 2027-01-01"
    );
}

#[test]
fn a_rule_prints_as_cedar() {
    let rule = sample();
    let expected = format!(
        "@id(\"{}\")\n@action(\"deny\")\n@expires_ms(\"1798761600000\") // 2027-01-01T00:00:00Z\n\
         forbid (principal, action, resource)\n\
         when {{ context has purpose && context.purpose == \"research\" }}\n\
         when {{ context has requests_last_minute && context.requests_last_minute > 30 }}\n\
         when {{ context has hour_of_day && (context.hour_of_day < 7 || context.hour_of_day > 19) }};\n",
        rule.id()
    );
    assert_eq!(rule.to_cedar(), expected);
}

#[test]
fn the_canonical_form_does_not_change() {
    // A change of this digest is a change of every rule's id.
    assert_eq!(
        sample().id().to_string(),
        "snrule19yssa5l34pekhzp85xnn24wzuy0adccj47jfck6usxn509ylre2sy0csjl"
    );
}

#[test]
fn rule_text_errors_say_where() {
    let error = |text: &str| Rule::from_cedar(text).unwrap_err().to_string();
    assert_eq!(error(""), "line 1, column 1: expected `@action`, found `the end`");
    let text = sample().to_cedar().replace("requests_last_minute >", "requests >");
    assert_eq!(
        error(&text),
        "line 6, column 52: expected `requests_last_minute`, the feature that `has` names, found `requests > 30 }`"
    );
    let text = sample().to_cedar().replace("requests_last_minute", "request_speed");
    assert!(error(&text).starts_with("line 6, column 20: `request_speed` is not a feature"));
    let text = sample().to_cedar().replace("> 30", "> 31");
    assert!(error(&text).contains("it was changed"), "{}", error(&text));
}

#[test]
fn impossible_and_idle_rules_are_refused() {
    let rule = |list| Rule::new(RuleAction::Hold, list, RuleScope::ALL, Timestamp::MAX);
    let least = Condition::at_least(Feature::Novelty, 2).unwrap();
    let most = Condition::at_most(Feature::Novelty, 1).unwrap();
    assert_eq!(rule(vec![]), Err(RuleError::ConditionCount { given: 0, limit: 8 }));
    assert_eq!(rule(vec![least.clone(), most]), Err(RuleError::NeverTrue { feature: "novelty" }));
    assert_eq!(rule(vec![least.clone(), least]), Err(RuleError::Repeated { feature: "novelty" }));
    assert_eq!(
        Condition::at_most(Feature::Novelty, 3),
        Err(RuleError::AlwaysTrue { feature: "novelty" })
    );
    assert_eq!(
        Condition::above(Feature::HourOfDay, 23),
        Err(RuleError::NeverTrue { feature: "hour_of_day" })
    );
    assert_eq!(
        Condition::any_of(Feature::Novelty, &["x"]),
        Err(RuleError::WrongKind { feature: "novelty" })
    );
    assert!(matches!(
        Condition::any_of(Feature::Purpose, &["resaerch"]),
        Err(RuleError::UnknownWord { .. })
    ));
    assert!("10.0.0.1/8".parse::<AddressBlock>().is_err());
    assert!("::ffff:10.0.0.0/104".parse::<AddressBlock>().is_err());
}

#[test]
fn an_absent_feature_makes_even_a_negative_condition_false() {
    let not_cli = Condition::none_of(Feature::Door, &["cli"]).unwrap();
    assert!(!not_cli.holds(&FeatureVector::new()));
}

#[test]
fn the_safety_list_refuses_what_no_rule_may_do() {
    let deny = |list| Rule::new(RuleAction::Deny, list, RuleScope::ALL, Timestamp::MAX).unwrap();
    let block = |text: &str| Test::Inside(text.parse().unwrap());
    let from = |text| deny(vec![Condition::new(Feature::Source, block(text)).unwrap()]);
    let one = Condition::at_least(Feature::RecordsRequested, 1).unwrap();
    let everything = deny(vec![one.clone()]);
    assert!(matches!(check_safety(&everything), Err(SafetyError::MatchesEverything { .. })));
    let scope = RuleScope { dataset: Some(DatasetId([1; 16])), ..RuleScope::ALL };
    let scoped = Rule::new(RuleAction::Deny, vec![one.clone()], scope, Timestamp::MAX).unwrap();
    assert_eq!(check_safety(&scoped), Ok(()));
    let flag = Rule::new(RuleAction::Flag, vec![one], RuleScope::ALL, Timestamp::MAX).unwrap();
    assert_eq!(check_safety(&flag), Ok(()));
    assert!(matches!(check_safety(&from("0.0.0.0/0")), Err(SafetyError::AddressSpace { .. })));
    assert!(matches!(check_safety(&from("::/0")), Err(SafetyError::AddressSpace { .. })));
    for loopback in ["127.0.0.0/8", "127.0.0.1/32", "::1/128"] {
        assert!(matches!(check_safety(&from(loopback)), Err(SafetyError::ProtectedAddress { .. })));
    }
    assert_eq!(check_safety(&from("192.0.2.0/24")), Ok(()));
    let not_ours = Test::Outside("192.0.2.0/24".parse().unwrap());
    let outside = deny(vec![Condition::new(Feature::Source, not_ours).unwrap()]);
    assert!(matches!(check_safety(&outside), Err(SafetyError::ProtectedAddress { .. })));
    let emergency = deny(vec![Condition::any_of(Feature::Purpose, &["emergency"]).unwrap()]);
    assert!(matches!(check_safety(&emergency), Err(SafetyError::Emergency { .. })));
    assert_eq!(check_safety(&sample()), Ok(()));
    let parties = BTreeSet::from([Party::Member(MemberId([1; 32]))]);
    let list = SafetyList { parties, ..SafetyList::default() };
    let scope = RuleScope { party: Some(Party::Member(MemberId([1; 32]))), ..RuleScope::ALL };
    let aimed =
        Rule::new(RuleAction::Hold, sample().conditions().to_vec(), scope, NEW_YEAR_2027).unwrap();
    assert_eq!(list.check(&aimed), Err(SafetyError::ProtectedParty));
}
