//! Rules say what is there, with evidence that holds, in the network's form where that can say it.

use secnet_learn::rules::{
    Comparison, Condition, ConvertError, RuleCard, RuleRecipe, learn_rules, to_rule,
};
use secnet_learn::{Column, Confusion, Table};
use secnet_types::{
    Feature, FeatureValue, FeatureVector, RuleAction, RuleContext, RuleScope, Timestamp,
};

use crate::common::traffic;

fn list(seed: u64) -> secnet_learn::rules::RuleList {
    let recipe = RuleRecipe { false_positive_rate: 0.03, ..RuleRecipe::default() };
    learn_rules(&traffic(6000, 1), recipe, seed, &mut || ()).unwrap()
}

#[test]
fn the_rules_are_the_secret_of_the_data() {
    let rules = list(1);
    let said: Vec<String> = rules.cards.iter().map(ToString::to_string).collect();
    assert!(said.iter().any(|rule| rule.contains("tries > 16.5")), "{said:?}");
    assert!(
        said.iter().any(|rule| rule.contains("protocol is gre") && rule.contains("bytes > ")),
        "{said:?}"
    );
    let counted = rules.confusion(&traffic(6000, 2));
    assert!(counted.precision() > 0.88 && counted.recall() > 0.8, "{counted:?} {said:?}");
    assert!(rules.conditions() <= 8, "compact: {said:?}");
}

#[test]
fn the_declared_precision_holds_on_rows_of_the_same_kind() {
    let test = traffic(30_000, 9);
    let (mut held, mut all) = (0, 0);
    for seed in 0..5 {
        for card in list(seed).cards {
            let pairs = card.matches(&test).into_iter().zip(test.labels().iter().copied());
            held += usize::from(Confusion::of(pairs).precision() >= card.precision_at_least);
            all += 1;
        }
    }
    assert!(all >= 10 && held * 100 >= all * 95, "{held} of {all}");
}

#[test]
fn rules_come_in_order_of_what_they_are_sure_of() {
    let cards = list(1).cards;
    assert!(cards.is_sorted_by(|a, b| a.precision_at_least >= b.precision_at_least));
    assert!(cards.iter().all(|card| card.precision_at_least >= 0.8));
}

#[test]
fn labels_by_chance_give_no_rule() {
    let table = traffic(4000, 3);
    let mut next = crate::common::numbers(8);
    let labels = (0..table.rows()).map(|_| next() < 0.2).collect();
    let noise = Table::new(table.columns().to_vec(), labels).unwrap();
    let rules = learn_rules(&noise, RuleRecipe::default(), 1, &mut || ()).unwrap();
    assert!(rules.cards.is_empty(), "{:?}", rules.cards);
}

/// Without noise: what was hammered late is found by what was hammered early, and the newest rows are the evidence.
#[test]
fn the_newest_rows_give_the_evidence_if_that_is_wanted() {
    let rows = 100;
    // 40 positive rows; from the 70th row on they look otherwise.
    let labels: Vec<bool> = (0..rows).map(|row| row % 5 < 2).collect();
    let tries = |late: f64| {
        let value = move |(row, label): (usize, &bool)| match (label, row >= 70) {
            (true, true) => late,
            (true, false) => 20.0 + row as f64 / 10.0,
            (false, _) => f64::from(u8::try_from(row % 7).unwrap()),
        };
        Column::numeric("tries", labels.iter().enumerate().map(value).collect()).unwrap()
    };
    let recipe = RuleRecipe { evidence: 0.3, newest: true, ..RuleRecipe::default() };
    let learnt = |late| {
        let table = Table::new(vec![tries(late)], labels.clone()).unwrap();
        learn_rules(&table, recipe, 1, &mut || ()).unwrap()
    };
    let same = learnt(25.0);
    assert_eq!((same.evidence.rows, same.evidence.positives), (30, 12));
    assert_eq!((same.cards[0].counted.hits, same.cards[0].counted.false_alarms), (12, 0));
    assert!(learnt(3.0).cards.is_empty(), "the newest rows do not bear it out");
}

#[test]
fn how_many_rows_are_needed_is_said_truly() {
    let recipe = RuleRecipe { evidence: 0.4, newest: true, ..RuleRecipe::default() };
    assert_eq!(recipe.least_positives(), Some(27));
    for (positives, found) in [(26, false), (27, true)] {
        let values = (0..positives + 30).map(|row| if row < positives { 9.0 } else { 1.0 });
        let labels = (0..positives + 30).map(|row| row < positives).collect();
        let column = Column::numeric("tries", values.collect()).unwrap();
        let table = Table::new(vec![column], labels).unwrap();
        let rules = learn_rules(&table, recipe, 1, &mut || ()).unwrap();
        assert_eq!(!rules.cards.is_empty(), found, "{positives}");
    }
    let never = RuleRecipe { least_precision: 1.0, ..recipe };
    assert_eq!(never.least_positives(), None);
}

#[test]
fn a_rule_does_not_say_missing_where_that_is_not_wanted() {
    let labels: Vec<bool> = (0..200).map(|row| row % 2 == 0).collect();
    let values = labels.iter().map(|label| if *label { f64::NAN } else { 5.0 }).collect();
    let column = Column::numeric("tries", values).unwrap();
    let table = Table::new(vec![column], labels).unwrap();
    let learnt = |missing| {
        let recipe = RuleRecipe { missing, ..RuleRecipe::default() };
        learn_rules(&table, recipe, 1, &mut || ()).unwrap().cards
    };
    assert_eq!(learnt(true)[0].to_string(), "tries is missing");
    assert!(learnt(false).is_empty());
}

/// Requests for items; a third of them hide something in the text.
fn requests(rows: u64, seed: u64) -> Table {
    let mut next = crate::common::numbers(seed);
    let (mut texts, mut labels) = (Vec::new(), Vec::new());
    for row in 0..rows {
        let id = (next() * 1e6) as u64;
        texts.push(match row % 9 {
            0 => format!("/item?id={id}' or 1=1 --"),
            1 => format!("/item?id=<script>{id}"),
            2 => format!("/item{id}.bak"),
            _ => format!("/item?id={id}"),
        });
        labels.push(row % 9 < 3);
    }
    Table::new(vec![Column::text("door", texts).unwrap()], labels).unwrap()
}

#[test]
fn texts_give_conditions_on_what_they_contain_begin_or_end_with() {
    let rules = learn_rules(&requests(3000, 1), RuleRecipe::default(), 1, &mut || ()).unwrap();
    let counted = rules.confusion(&requests(3000, 2));
    assert!(counted.recall() > 0.99 && counted.precision() > 0.99, "{counted:?} {rules:?}");
    let part = |comparison: &Comparison| {
        matches!(comparison, Comparison::Contains(_) | Comparison::Begins(_) | Comparison::Ends(_))
    };
    let conditions = rules.cards.iter().flat_map(|card| &card.conditions);
    assert!(conditions.clone().all(|condition| part(&condition.comparison)), "{rules:?}");
    // The network's form says the same of a text feature.
    for card in &rules.cards {
        let rule = to_rule(card, RuleAction::Flag, RuleScope::ALL, Timestamp(u64::MAX)).unwrap();
        for text in ["/item?id=1", "/item?id=1' or 1=1 --", "/item?id=<script>3", "/item4.bak", ""]
        {
            let mut facts = FeatureVector::new();
            facts.set(Feature::Door, FeatureValue::Text(text.into())).unwrap();
            let column = Column::text("door", vec![text.into()]).unwrap();
            let table = Table::new(vec![column], vec![true]).unwrap();
            let context = RuleContext {
                dataset: secnet_types::DatasetId([1; 16]),
                parties: &[],
                purpose: secnet_types::Purpose::Treatment,
                now: Timestamp(0),
            };
            assert_eq!(rule.matches(&facts, &context), card.matches(&table)[0], "{text}: {card}");
        }
    }
}

#[test]
fn what_is_none_of_the_usual_words_is_found_if_that_is_wanted() {
    let usual = ["buy", "look", "pay", "leave"];
    let table = |from: u32| {
        let words: Vec<String> = (from..from + 600)
            .map(|n| if n % 3 == 0 { format!("x{n}") } else { usual[n as usize % 4].to_owned() })
            .collect();
        let labels = (from..from + 600).map(|n| n % 3 == 0).collect();
        Table::new(vec![Column::categorical("action", &words).unwrap()], labels).unwrap()
    };
    let learnt = |unusual| {
        let recipe = RuleRecipe { unusual, ..RuleRecipe::default() };
        learn_rules(&table(0), recipe, 1, &mut || ()).unwrap()
    };
    let rules = learnt(true);
    assert_eq!(rules.cards.len(), 1, "{rules:?}");
    assert_eq!(rules.cards[0].to_string(), "action is not buy or leave or look or pay");
    // Of these words training showed none.
    let counted = rules.confusion(&table(6000));
    assert_eq!((counted.misses, counted.false_alarms), (0, 0));
    assert!(learnt(false).cards.is_empty());
}

#[test]
fn a_column_in_which_something_new_is_usual_is_not_asked_for_what_is_unusual() {
    // Attacks have words that occur once; so have many others.
    let words: Vec<String> = (0..900)
        .map(|n| if n % 3 == 0 || n % 30 == 1 { format!("x{n}") } else { format!("u{}", n % 5) })
        .collect();
    let labels = (0..900).map(|n| n % 3 == 0).collect();
    let table = Table::new(vec![Column::categorical("name", &words).unwrap()], labels).unwrap();
    let recipe = RuleRecipe { unusual: true, least_precision: 0.5, ..RuleRecipe::default() };
    let rules = learn_rules(&table, recipe, 1, &mut || ()).unwrap();
    assert!(rules.cards.is_empty(), "{rules:?}");
}

#[test]
fn bounds_of_rules_that_were_tried_together_are_wider() {
    let rules = list(1);
    let card = &rules.cards[0];
    let alone = secnet_learn::wilson(
        card.counted.hits,
        card.counted.hits + card.counted.false_alarms,
        secnet_learn::Z95_ONE_SIDED,
    );
    assert!(rules.cards.len() >= 2 && card.precision_at_least < alone.low, "{card:?}");
}

#[test]
fn a_rule_recipe_that_cannot_be_followed_is_refused() {
    let table = traffic(500, 1);
    for recipe in [
        RuleRecipe { rules: 0, ..RuleRecipe::default() },
        RuleRecipe { per_rule: 99, ..RuleRecipe::default() },
        RuleRecipe { least_support: f64::NAN, ..RuleRecipe::default() },
    ] {
        assert!(learn_rules(&table, recipe, 1, &mut || ()).is_err(), "{recipe:?}");
    }
}

fn card(column: &str, comparison: Comparison) -> RuleCard {
    let conditions = vec![Condition { column: column.into(), comparison }];
    RuleCard { conditions, counted: Confusion::default(), precision_at_least: 0.9 }
}

#[test]
fn a_rule_on_features_of_requests_becomes_a_security_rule_with_the_same_meaning() {
    let end = Timestamp(1_900_000_000_000);
    let learnt = [
        (card("requests_last_minute", Comparison::Above(30.5)), Feature::RequestsLastMinute),
        (card("records_requested", Comparison::AtMost(7.0)), Feature::RecordsRequested),
    ];
    for (card, feature) in learnt {
        let rule = to_rule(&card, RuleAction::Hold, RuleScope::ALL, end).unwrap();
        for number in 0..60_u32 {
            let mut facts = FeatureVector::new();
            facts.set(feature, FeatureValue::count(number.into())).unwrap();
            let column = Column::numeric(feature.name(), vec![f64::from(number)]).unwrap();
            let table = Table::new(vec![column], vec![true]).unwrap();
            let context = RuleContext {
                dataset: secnet_types::DatasetId([1; 16]),
                parties: &[],
                purpose: secnet_types::Purpose::Treatment,
                now: Timestamp(0),
            };
            assert_eq!(rule.matches(&facts, &context), card.matches(&table)[0], "{number}");
        }
    }
    let door = card("door", Comparison::OneOf(vec!["fhir".into(), "http".into()]));
    assert!(to_rule(&door, RuleAction::Flag, RuleScope::ALL, end).is_ok());
    let purpose = card("purpose", Comparison::NoneOf(vec!["treatment".into()]));
    assert!(to_rule(&purpose, RuleAction::Flag, RuleScope::ALL, end).is_ok());
}

#[test]
fn a_rule_reads_as_a_sentence_also_with_strange_words() {
    let words = vec![String::new(), "a b".into(), "tcp".into()];
    let said = card("token", Comparison::OneOf(words)).to_string();
    assert_eq!(said, "token is \"\" or \"a b\" or tcp");
    assert_eq!(card("n", Comparison::AtMost(3.0)).to_string(), "n <= 3");
    let ends = card("path", Comparison::Ends(".bak \"".into())).to_string();
    assert_eq!(ends, r#"path ends with ".bak \"""#);
}

#[test]
fn what_the_network_cannot_say_is_named() {
    let convert = |card: &RuleCard| to_rule(card, RuleAction::Flag, RuleScope::ALL, Timestamp(1));
    let unknown = convert(&card("src_bytes", Comparison::Above(1.0))).unwrap_err();
    assert_eq!(unknown, ConvertError::NotAFeature("src_bytes".into()));
    let missing = convert(&card("price_micros", Comparison::Missing)).unwrap_err();
    assert_eq!(missing, ConvertError::Missing("price_micros".into()));
    let text = convert(&card("price_micros", Comparison::Contains("x".into()))).unwrap_err();
    assert!(matches!(text, ConvertError::Rule(_)), "{text}");
    let huge = convert(&card("price_micros", Comparison::Above(1e300))).unwrap_err();
    assert_eq!(huge, ConvertError::NotExact("price_micros".into()));
}
