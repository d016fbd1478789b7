//! Known answers: scikit-learn 1.9.1 (`roc_auc_score`, `average_precision_score`, `f1_score`, `roc_curve` without dropped
//! points) and SciPy (`binomtest(...).proportion_ci(method="wilson")`) on the vectors of T. Fawcett, "An introduction to
//! ROC analysis", 2006, figure 3, with one tie made.

use secnet_learn::{Confusion, MetricError, Ranked, Spread, Z95, wilson};

const SCORES: [f64; 20] = [
    0.9, 0.8, 0.8, 0.7, 0.6, 0.55, 0.54, 0.53, 0.52, 0.51, 0.505, 0.4, 0.39, 0.38, 0.37, 0.36,
    0.35, 0.34, 0.33, 0.3,
];
const LABELS: [u8; 20] = [1, 1, 0, 1, 1, 1, 0, 0, 1, 0, 1, 0, 1, 0, 0, 0, 1, 0, 1, 0];

fn close(a: f64, b: f64) {
    assert!((a - b).abs() < 1e-12, "{a} is not {b}");
}

fn ranked() -> Ranked {
    Ranked::new(&SCORES, &LABELS.map(|label| label == 1)).unwrap()
}

#[test]
fn areas_are_those_of_scikit_learn() {
    close(ranked().auc(), 0.675);
    close(ranked().average_precision(), 0.702_414_247_258_448_5);
    let ties = [0.1, 0.4, 0.35, 0.8, 0.8, 0.8];
    let ties = Ranked::new(&ties, &[false, false, true, true, false, true]).unwrap();
    close(ties.auc(), 2.0 / 3.0);
    close(ties.average_precision(), 0.644_444_444_444_444_4);
}

#[test]
fn a_threshold_counts_like_scikit_learn() {
    let counted = ranked().confusion(0.5);
    close(counted.f1(), 2.0 / 3.0);
    close(counted.precision(), 0.636_363_636_363_636_4);
    close(counted.recall(), 0.7);
    assert_eq!(counted, Confusion { hits: 7, false_alarms: 4, misses: 3, passes: 6 });
}

#[test]
fn recall_is_read_off_the_roc_curve() {
    close(ranked().recall_at(0.0), 0.1);
    close(ranked().recall_at(0.1), 0.5);
    close(ranked().recall_at(0.19), 0.5);
    close(ranked().recall_at(0.3), 0.6);
    close(ranked().recall_at(1.0), 1.0);
}

#[test]
fn no_threshold_flags_more_than_was_allowed() {
    // The highest score is a negative's: nothing may be flagged.
    let ranked = Ranked::new(&[0.9, 0.5, 0.1], &[false, true, false]).unwrap();
    close(ranked.recall_at(0.01), 0.0);
    assert_eq!(ranked.confusion(ranked.threshold_at(0.01)).false_alarms, 0);
}

#[test]
fn wilson_intervals_are_those_of_scipy() {
    for (hits, trials, low, high) in [
        (8, 10, 0.490_162_471_536_641_8, 0.943_317_848_545_624_8),
        (0, 20, 0.0, 0.161_125_158_052_819_33),
        (95, 100, 0.888_249_530_768_080_8, 0.978_456_320_845_632),
    ] {
        let interval = wilson(hits, trials, Z95);
        close(interval.low, low);
        close(interval.high, high);
    }
    let nothing = wilson(0, 0, Z95);
    assert!(nothing.low <= 0.0 && nothing.high >= 1.0);
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let one = Ranked::new(&[0.1, 0.2], &[true, true]).unwrap_err();
    assert_eq!(one, MetricError::OneClass);
    let short = Ranked::new(&[0.1], &[true, false]).unwrap_err();
    assert_eq!(short, MetricError::Length { scores: 1, labels: 2 });
    let nan = Ranked::new(&[0.1, f64::NAN], &[true, false]).unwrap_err();
    assert_eq!(nan, MetricError::NotANumber(2));
}

#[test]
fn the_spread_over_seeds_is_that_of_a_sample() {
    let spread = Spread::of(&[1.0, 2.0, 4.0]).unwrap();
    close(spread.mean, 7.0 / 3.0);
    close(spread.deviation, (7.0_f64 / 3.0).sqrt());
    assert!(Spread::of(&[]).is_none());
}
