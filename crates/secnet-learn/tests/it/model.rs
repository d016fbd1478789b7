//! Models find what is there, are the same for the same seed, and their files are checked.

use proptest::prelude::*;
use secnet_learn::{
    CategoryUse, Column, Imagined, Linear, Model, ModelError, Ranked, Recipe, Strange, Table, learn,
};

use crate::common::{numbers, quick, traffic};

fn model(recipe: &Recipe) -> Model {
    learn(&traffic(3000, 1), recipe, 5, &mut || ()).unwrap()
}

fn auc(model: &Model, table: &Table) -> f64 {
    Ranked::new(&model.chances(table).unwrap(), table.labels()).unwrap().auc()
}

#[test]
fn trees_find_what_the_labels_follow_in_numbers_words_and_gaps() {
    let test = traffic(3000, 2);
    let model = model(&quick());
    // 2 % of the labels are wrong and 10 % of the tries are missing, so 1 cannot be reached.
    assert!(auc(&model, &test) > 0.93, "{}", auc(&model, &test));
    let counted = Ranked::new(&model.chances(&test).unwrap(), test.labels())
        .unwrap()
        .confusion(model.threshold());
    assert!(counted.f1() > 0.85, "{counted:?}");
}

#[test]
fn a_chance_is_what_it_says() {
    let test = traffic(20_000, 3);
    let chances = model(&quick()).chances(&test).unwrap();
    let mean = chances.iter().sum::<f64>() / chances.len() as f64;
    let real = test.positives() as f64 / test.rows() as f64;
    assert!((mean - real).abs() < 0.02, "{mean} for {real}");
    let high: Vec<bool> = chances
        .iter()
        .zip(test.labels())
        .filter(|(chance, _)| **chance > 0.8)
        .map(|(_, label)| *label)
        .collect();
    let share = high.iter().filter(|label| **label).count() as f64 / high.len() as f64;
    assert!(high.len() > 1000 && share > 0.8, "{share} of {}", high.len());
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_one_does_not() {
    let imagined = Imagined { amount: 0.5, exchanged: 0.2, evenly: 0.5, weight: 0.1 };
    let categories = CategoryUse { combine: 1, counts: true, ..CategoryUse::default() };
    let recipe = Recipe { imagined: Some(imagined), categories, members: 2, ..quick() };
    assert_eq!(model(&recipe).to_bytes(), model(&recipe).to_bytes());
    let other = learn(&traffic(3000, 1), &recipe, 6, &mut || ()).unwrap();
    assert_ne!(model(&recipe).id(), other.id());
}

#[test]
fn progress_is_called_as_often_as_promised() {
    let recipe = Recipe { members: 2, refit: true, ..quick() };
    let mut calls = 0;
    learn(&traffic(500, 1), &recipe, 1, &mut || calls += 1).unwrap();
    assert_eq!(calls, recipe.steps());
}

#[test]
fn words_that_training_never_showed_are_judged_all_the_same() {
    let columns = vec![
        Column::numeric("bytes", vec![100.0]).unwrap(),
        Column::numeric("tries", vec![f64::NAN]).unwrap(),
        Column::categorical("protocol", &["quic"]).unwrap(),
    ];
    let strange = Table::new(columns, vec![false]).unwrap();
    let chance = model(&quick()).chances(&strange).unwrap()[0];
    assert!((0.0..=1.0).contains(&chance));
}

#[test]
fn the_linear_model_tells_texts_apart() {
    let texts = |rows: usize, seed: u64| {
        let mut next = numbers(seed);
        let (mut urls, mut labels) = (vec![], vec![]);
        for _ in 0..rows {
            let bad = next() < 0.3;
            let id = (next() * 1e6) as u64;
            urls.push(if bad {
                format!("/item?id={id}' or 1=1 --")
            } else {
                format!("/item?id={id}")
            });
            labels.push(bad);
        }
        Table::new(vec![Column::text("url", urls).unwrap()], labels).unwrap()
    };
    let recipe = Recipe { trees: None, linear: Some(Linear::default()), ..Recipe::default() };
    let model = learn(&texts(500, 1), &recipe, 1, &mut || ()).unwrap();
    assert!(auc(&model, &texts(500, 2)) > 0.999);
    assert_eq!(Model::from_bytes(&model.to_bytes()).unwrap(), model);
}

/// Attacks are requests of whom nothing ties to what they ask for: owner and holder differ.
fn owned(rows: usize, seed: u64) -> Table {
    let mut next = numbers(seed);
    let mut word = || format!("d{}", (next() * 40.0) as u64);
    let owners: Vec<String> = (0..rows).map(|_| word()).collect();
    let mut holders: Vec<String> = (0..rows).map(|_| word()).collect();
    for row in (0..rows).step_by(2) {
        holders[row].clone_from(&owners[row]);
    }
    let labels = owners.iter().zip(&holders).map(|(owner, holder)| owner == holder).collect();
    let columns = vec![
        Column::categorical("owner", &owners).unwrap(),
        Column::categorical("holder", &holders).unwrap(),
    ];
    Table::new(columns, labels).unwrap()
}

#[test]
fn whether_two_columns_are_the_same_is_a_feature_if_that_is_wanted() {
    let with = |same| {
        let categories = CategoryUse { same, ..CategoryUse::default() };
        learn(&owned(1500, 1), &Recipe { categories, ..quick() }, 1, &mut || ()).unwrap()
    };
    let test = owned(1000, 2);
    assert!(auc(&with(true), &test) > 0.999, "{}", auc(&with(true), &test));
    assert!(auc(&with(false), &test) < 0.8, "{}", auc(&with(false), &test));
    assert_eq!(Model::from_bytes(&with(true).to_bytes()).unwrap(), with(true));
}

/// Whose ids occur once are the attackers, which few labelled rows show and many unlabelled ones.
/// Every word is as common as any other; attackers are those who use what few others of their unit use.
#[test]
fn how_usual_something_is_for_somebody_is_a_feature_if_that_is_wanted() {
    let rows = |seed: u64| {
        let mut next = numbers(seed);
        let (mut units, mut things, mut labels) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..4000 {
            let unit = (next() * 40.0) as u64;
            let own = next() < 0.8;
            let thing =
                if own { unit * 3 + (next() * 3.0) as u64 } else { (next() * 120.0) as u64 };
            units.push(format!("u{unit}"));
            things.push(format!("t{thing}"));
            labels.push(thing / 3 != unit);
        }
        let columns = vec![
            Column::categorical("unit", &units).unwrap(),
            Column::categorical("thing", &things).unwrap(),
        ];
        Table::new(columns, labels).unwrap()
    };
    let categories = CategoryUse { counts: true, ratios: true, ..CategoryUse::default() };
    let recipe = Recipe { categories: CategoryUse { combine: 2, ..categories }, ..quick() };
    let model = learn(&rows(1), &recipe, 1, &mut || ()).unwrap();
    assert!(auc(&model, &rows(2)) > 0.99, "{}", auc(&model, &rows(2)));
    assert_eq!(Model::from_bytes(&model.to_bytes()).unwrap(), model);
}

#[test]
fn rows_without_a_label_tell_how_often_something_occurs() {
    let mut next = numbers(3);
    let (mut ids, mut labels) = (Vec::new(), Vec::new());
    for row in 0..6000_u32 {
        let rare = next() < 0.3;
        ids.push(if rare { format!("r{row}") } else { format!("u{}", (next() * 600.0) as u64) });
        labels.push(rare);
    }
    let whole = Table::new(vec![Column::categorical("id", &ids).unwrap()], labels).unwrap();
    let rows = |from: usize, to: usize| whole.part(&(from..to).collect::<Vec<usize>>());
    let (train, test, unlabelled) = (rows(0, 600), rows(600, 1200), rows(1200, 6000));
    let categories = CategoryUse { counts: true, ..CategoryUse::default() };
    let recipe = Recipe { categories, ..quick() };
    let alone = learn(&train, &recipe, 1, &mut || ()).unwrap();
    let beside =
        secnet_learn::learn_beside(&train, Some(&unlabelled), &recipe, 1, &mut || ()).unwrap();
    assert!(auc(&beside, &test) > 0.9, "{}", auc(&beside, &test));
    assert!(auc(&alone, &test) < 0.85, "{}", auc(&alone, &test));
    assert_eq!(Model::from_bytes(&beside.to_bytes()).unwrap(), beside);
}

#[test]
fn what_no_attack_looked_like_in_training_is_strange_all_the_same() {
    // One kind of attack is known, sends much; another sends to a port that nobody uses.
    let rows = |seed: u64, unknown: bool| {
        let mut next = numbers(seed);
        let (mut bytes, mut ports, mut labels) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..2000 {
            let attack = next() < 0.2;
            let strange = attack && unknown;
            bytes.push(if attack && !strange { 5000.0 } else { 0.0 } + next() * 1000.0);
            let usual = [80.0, 443.0][(next() * 2.0) as usize];
            ports.push(if strange {
                60_000.0
            } else if next() < 0.01 {
                8080.0
            } else {
                usual
            });
            labels.push(attack);
        }
        let columns =
            vec![Column::numeric("bytes", bytes).unwrap(), Column::numeric("port", ports).unwrap()];
        Table::new(columns, labels).unwrap()
    };
    let learnt =
        |strange| learn(&rows(1, false), &Recipe { strange, ..quick() }, 1, &mut || ()).unwrap();
    let (with, without) = (learnt(Some(Strange { trees: 50, share: 0.5 })), learnt(None));
    assert!(auc(&with, &rows(2, false)) > 0.97 && auc(&without, &rows(2, false)) > 0.97);
    assert!(auc(&with, &rows(3, true)) > 0.9, "{}", auc(&with, &rows(3, true)));
    assert!(auc(&without, &rows(3, true)) < 0.7, "{}", auc(&without, &rows(3, true)));
    assert_eq!(Model::from_bytes(&with.to_bytes()).unwrap(), with);
}

#[test]
fn the_threshold_keeps_to_the_false_positive_rate_that_is_wanted() {
    let test = traffic(6000, 2);
    let rate = |false_positive_rate| {
        let model = model(&Recipe { false_positive_rate, ..quick() });
        let chances = model.chances(&test).unwrap();
        Ranked::new(&chances, test.labels()).unwrap().confusion(model.threshold())
    };
    let (free, kept) = (rate(1.0), rate(0.002));
    assert!(kept.false_positive_rate() < 0.005, "{kept:?}");
    assert!(free.false_positive_rate() > kept.false_positive_rate(), "{free:?}");
    assert!(free.recall() > kept.recall() && kept.recall() > 0.1, "{free:?} {kept:?}");
}

#[test]
fn a_table_without_the_models_columns_is_refused_by_name() {
    let other = Table::new(vec![Column::numeric("bytes", vec![1.0]).unwrap()], vec![true]).unwrap();
    let refused = model(&quick()).chances(&other).unwrap_err();
    assert!(refused.to_string().contains("column `protocol` is missing"), "{refused}");
}

#[test]
fn a_model_file_reads_back_and_is_refused_when_it_is_not_one() {
    let model = model(&quick());
    let bytes = model.to_bytes();
    assert_eq!(Model::from_bytes(&bytes).unwrap(), model);
    assert_eq!(Model::from_bytes(b"").unwrap_err(), ModelError::NotAModel);
    assert_eq!(Model::from_bytes(b"PK\x03\x04 something else").unwrap_err(), ModelError::NotAModel);
    assert_eq!(Model::from_bytes(&bytes[..20]).unwrap_err(), ModelError::Checksum);
    assert_eq!(Model::from_bytes(&bytes[..bytes.len() - 1]).unwrap_err(), ModelError::Checksum);
    let mut later = bytes;
    later[7] = 2;
    assert_eq!(Model::from_bytes(&later).unwrap_err(), ModelError::Version(2));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn one_flipped_bit_of_a_model_file_is_found(at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let small = Recipe { trees: Some(secnet_learn::Growth { trees: 2, ..Default::default() }), ..quick() };
        let mut bytes = learn(&traffic(300, 1), &small, 5, &mut || ()).unwrap().to_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert!(Model::from_bytes(&bytes).is_err());
    }
}

#[test]
fn a_recipe_that_cannot_be_followed_is_refused() {
    for recipe in [
        Recipe { trees: None, linear: None, ..Recipe::default() },
        Recipe { held_out: 0.0, ..quick() },
        Recipe { held_out: f64::NAN, ..quick() },
        Recipe { members: 0, ..quick() },
        Recipe { false_positive_rate: f64::NAN, ..quick() },
        Recipe { strange: Some(Strange { trees: 0, share: 0.5 }), ..quick() },
        Recipe { strange: Some(Strange { trees: 9, share: -0.1 }), ..quick() },
        Recipe { categories: CategoryUse { smoothing: 0.0, ..CategoryUse::default() }, ..quick() },
        Recipe {
            imagined: Some(Imagined { amount: 1e9, exchanged: 0.1, evenly: 0.5, weight: 1.0 }),
            ..quick()
        },
        Recipe {
            trees: Some(secnet_learn::Growth { rate: -1.0, ..Default::default() }),
            ..quick()
        },
    ] {
        assert!(learn(&traffic(300, 1), &recipe, 1, &mut || ()).is_err(), "{recipe:?}");
    }
}
