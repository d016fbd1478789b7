//! Rule bodies: one byte form, which survives printing as Cedar; the index finds what the rule itself matches.
#![no_main]

use libfuzzer_sys::fuzz_target;
use secnet_fuzz::split;
use secnet_types::{
    DatasetId, FeatureVector, MemberId, Party, Purpose, Rule, RuleContext, RuleSet, Timestamp,
    decode, encode, limits,
};

fuzz_target!(|input: &[u8]| {
    let [facts, body] = split(input);
    for body in [input, body] {
        let Ok(rule) = Rule::from_bytes(body) else { continue };
        assert!(body.len() <= limits::MAX_RULE_BYTES);
        assert_eq!(encode(&rule), body, "a second byte form of one rule");
        assert!((1..=limits::MAX_RULE_CONDITIONS).contains(&rule.conditions().len()));
        assert_eq!(Rule::from_cedar(&rule.to_cedar()).as_ref(), Ok(&rule), "lost in print");
        assert!(!rule.to_string().is_empty());
        let facts: FeatureVector = decode("facts", facts, 1 << 16).unwrap_or_default();
        let context = RuleContext {
            dataset: rule.scope().dataset.unwrap_or(DatasetId([3; 16])),
            parties: &[rule.scope().party.unwrap_or(Party::Member(MemberId([4; 32])))],
            purpose: rule.scope().purpose.unwrap_or(Purpose::Research),
            now: Timestamp(1_700_000_000_000),
        };
        let set = RuleSet::new([rule.clone()]).expect("one rule");
        let found = !set.matches(&facts, &context).is_empty();
        assert_eq!(found, rule.matches(&facts, &context), "the index differs from the rule");
    }
});
