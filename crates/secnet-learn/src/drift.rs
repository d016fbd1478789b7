//! How much a column has changed: population stability and the two-sample Kolmogorov-Smirnov distance.

/// Parts that the earlier values are divided into, as equal as ties allow.
const PARTS: usize = 10;
/// A share that is empty counts as so much of one row: a logarithm of nothing has no value.
const EMPTY: f64 = 0.5;

/// How much a column has changed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drift {
    /// Population stability index over tenths of the earlier values, those that are missing a part of their own.
    pub stability: f64,
    /// Largest distance of the two distribution functions of what is not missing; 0 if one side has nothing.
    pub distance: f64,
    /// Chance of such a distance if nothing had changed, by Kolmogorov's limit; 1 if one side has nothing.
    pub chance: f64,
}

/// Compare earlier values with later ones; `NaN` is missing. None if either is empty.
#[must_use]
pub fn drift(earlier: &[f64], later: &[f64]) -> Option<Drift> {
    if earlier.is_empty() || later.is_empty() {
        return None;
    }
    let (before, after) = (sorted(earlier), sorted(later));
    let (distance, chance) = kolmogorov(&before, &after);
    let cuts = cuts(&before);
    let shares = |all: usize, known: &[f64]| -> Vec<f64> {
        let mut counts = vec![0_usize; cuts.len() + 2];
        for value in known {
            let part = cuts.partition_point(|cut| cut < value);
            if let Some(count) = counts.get_mut(part) {
                *count += 1;
            }
        }
        if let Some(last) = counts.last_mut() {
            *last = all - known.len();
        }
        counts.into_iter().map(|count| (count as f64).max(EMPTY) / all as f64).collect()
    };
    let (was, is) = (shares(earlier.len(), &before), shares(later.len(), &after));
    let stability = was.iter().zip(&is).map(|(was, is)| (is - was) * (is / was).ln()).sum();
    Some(Drift { stability, distance, chance })
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut known: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    known.sort_by(f64::total_cmp);
    known
}

/// The upper ends of the parts but the last, each once.
fn cuts(sorted: &[f64]) -> Vec<f64> {
    let mut cuts: Vec<f64> = (1..PARTS)
        .filter_map(|part| sorted.get((sorted.len() * part / PARTS).checked_sub(1)?).copied())
        .collect();
    cuts.dedup();
    cuts
}

fn kolmogorov(before: &[f64], after: &[f64]) -> (f64, f64) {
    if before.is_empty() || after.is_empty() {
        return (0.0, 1.0);
    }
    let (n, m) = (before.len() as f64, after.len() as f64);
    let mut distance: f64 = 0.0;
    let (mut i, mut j) = (0, 0);
    while let (Some(a), Some(b)) = (before.get(i), after.get(j)) {
        let at = a.min(*b);
        i += before.iter().skip(i).take_while(|value| **value <= at).count();
        j += after.iter().skip(j).take_while(|value| **value <= at).count();
        distance = distance.max((i as f64 / n - j as f64 / m).abs());
    }
    let root = (n * m / (n + m)).sqrt();
    let lambda = (root + 0.12 + 0.11 / root) * distance;
    let term = |k: f64| (-2.0 * k * k * lambda * lambda).exp();
    // Below this the sum has not converged, and the chance is as good as 1.
    if lambda < 0.3 {
        return (distance, 1.0);
    }
    let sum: f64 =
        (1..=50).map(|k| if k % 2 == 1 { term(f64::from(k)) } else { -term(f64::from(k)) }).sum();
    (distance, (2.0 * sum).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(from: f64, count: u32) -> Vec<f64> {
        (0..count).map(|at| from + f64::from(at)).collect()
    }

    #[test]
    fn the_same_values_have_not_drifted() {
        let same = drift(&ramp(0.0, 500), &ramp(0.0, 500)).unwrap();
        assert!(same.stability.abs() < 1e-9 && same.distance < 1e-9, "{same:?}");
        assert!((same.chance - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_shift_of_all_is_seen_by_both_measures() {
        let moved = drift(&ramp(0.0, 500), &ramp(150.0, 500)).unwrap();
        assert!((moved.distance - 0.3).abs() < 1e-9, "{moved:?}");
        assert!(moved.chance < 1e-15 && moved.stability > 0.25, "{moved:?}");
    }

    #[test]
    fn what_becomes_missing_has_drifted_and_ties_are_one_part() {
        let gone: Vec<f64> = (0..500).map(|at| if at % 2 == 0 { f64::NAN } else { 1.0 }).collect();
        let missing = drift(&[1.0; 500], &gone).unwrap();
        assert!(missing.stability > 0.25 && missing.distance == 0.0, "{missing:?}");
        let constant = drift(&[3.0; 40], &[3.0; 7]).unwrap();
        assert!(constant.stability < 0.25, "{constant:?}");
        assert_eq!(drift(&[], &[1.0]), None);
        let unknown = drift(&[f64::NAN; 9], &[f64::NAN; 9]).unwrap();
        assert!((unknown.chance - 1.0).abs() < 1e-9 && unknown.stability < 1e-9);
    }

    #[test]
    fn draws_of_one_distribution_are_rarely_called_changed() {
        let mut state = 7_u64;
        let mut draw = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as f64
        };
        let odd = (0..200).filter(|_| {
            let (a, b): (Vec<f64>, Vec<f64>) = (0..200).map(|_| (draw(), draw())).unzip();
            drift(&a, &b).unwrap().chance < 0.05
        });
        let count = odd.count();
        assert!(count <= 20, "{count} of 200 at five in a hundred");
    }
}
