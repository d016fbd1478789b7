//! What a ranking is worth, at every threshold at once.

use super::Confusion;

/// Why a ranking cannot be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MetricError {
    /// Not one score for each label.
    #[error("{scores} scores for {labels} labels; each row needs one of both")]
    Length {
        /// Scores.
        scores: usize,
        /// Labels.
        labels: usize,
    },
    /// Not a number.
    #[error("the score of row {0} is not a number; the model that gave it is broken")]
    NotANumber(usize),
    /// Nothing to tell apart.
    #[error("the rows are all of one class, so nothing can be told apart; measure on rows of both")]
    OneClass,
}

/// One threshold of a ranking.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurvePoint {
    /// Rows with at least this score are flagged.
    pub threshold: f64,
    /// Share of the negatives that are flagged.
    pub false_positive_rate: f64,
    /// Share of the positives that are flagged.
    pub recall: f64,
    /// Share of the flagged that are positive.
    pub precision: f64,
}

/// Rows by score, highest first, equal scores together.
#[derive(Debug, Clone)]
pub struct Ranked {
    /// Threshold, hits and false alarms of each different score, cumulated from above.
    steps: Vec<(f64, usize, usize)>,
    positives: usize,
    negatives: usize,
}

impl Ranked {
    /// Scores (higher is more suspicious) and labels of the same rows.
    ///
    /// # Errors
    /// [`MetricError`].
    pub fn new(scores: &[f64], labels: &[bool]) -> Result<Self, MetricError> {
        if scores.len() != labels.len() {
            return Err(MetricError::Length { scores: scores.len(), labels: labels.len() });
        }
        if let Some(row) = scores.iter().position(|score| score.is_nan()) {
            return Err(MetricError::NotANumber(row + 1));
        }
        let positives = labels.iter().filter(|label| **label).count();
        let negatives = labels.len() - positives;
        if positives == 0 || negatives == 0 {
            return Err(MetricError::OneClass);
        }
        let mut rows: Vec<(f64, bool)> =
            scores.iter().copied().zip(labels.iter().copied()).collect();
        rows.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut steps: Vec<(f64, usize, usize)> = Vec::new();
        let (mut hits, mut false_alarms) = (0, 0);
        for (score, positive) in rows {
            hits += usize::from(positive);
            false_alarms += usize::from(!positive);
            match steps.last_mut() {
                // 0.0 and -0.0 are one score.
                #[expect(clippy::float_cmp, reason = "equal scores are one threshold")]
                Some(last) if last.0 == score => *last = (score, hits, false_alarms),
                _ => steps.push((score, hits, false_alarms)),
            }
        }
        Ok(Self { steps, positives, negatives })
    }

    /// Area under the ROC curve: the chance that a positive row scores above a negative one, a tie counting half.
    #[must_use]
    pub fn auc(&self) -> f64 {
        let mut area = 0.0;
        let (mut hits, mut false_alarms) = (0, 0);
        for (_, h, f) in &self.steps {
            area += (f - false_alarms) as f64 * (h + hits) as f64 / 2.0;
            (hits, false_alarms) = (*h, *f);
        }
        area / (self.positives as f64 * self.negatives as f64)
    }

    /// Area under the precision-recall curve as average precision: a step for each threshold, nothing interpolated.
    #[must_use]
    pub fn average_precision(&self) -> f64 {
        let mut area = 0.0;
        let mut before = 0;
        for (_, hits, false_alarms) in &self.steps {
            let precision = *hits as f64 / (hits + false_alarms) as f64;
            area += (hits - before) as f64 * precision;
            before = *hits;
        }
        area / self.positives as f64
    }

    /// The lowest threshold that flags at most this share of the negatives; above every score if there is none.
    #[must_use]
    pub fn threshold_at(&self, false_positive_rate: f64) -> f64 {
        let allowed = |false_alarms: usize| {
            false_alarms as f64 <= false_positive_rate * self.negatives as f64 + 1e-9
        };
        let last = self.steps.iter().take_while(|(_, _, f)| allowed(*f)).last();
        last.map_or(f64::INFINITY, |(threshold, ..)| *threshold)
    }

    /// Share of the positives found when at most this share of the negatives is flagged: read off the ROC curve.
    #[must_use]
    pub fn recall_at(&self, false_positive_rate: f64) -> f64 {
        self.confusion(self.threshold_at(false_positive_rate)).recall()
    }

    /// The threshold with the highest F1 on these rows among those that flag at most this share of the negatives. Fix it on
    /// training rows; on test rows it would flatter.
    #[must_use]
    pub fn best_f1_threshold(&self, false_positive_rate: f64) -> f64 {
        let lowest = self.threshold_at(false_positive_rate);
        let mut best = (f64::INFINITY, -1.0);
        for (threshold, ..) in self.steps.iter().take_while(|step| step.0 >= lowest) {
            let f1 = self.confusion(*threshold).f1();
            if f1 > best.1 {
                best = (*threshold, f1);
            }
        }
        best.0
    }

    /// What flagging every row of at least this score does.
    #[must_use]
    pub fn confusion(&self, threshold: f64) -> Confusion {
        let flagged = self.steps.partition_point(|(score, ..)| *score >= threshold);
        let last = flagged.checked_sub(1).and_then(|last| self.steps.get(last));
        let (hits, false_alarms) = last.map_or((0, 0), |(_, h, f)| (*h, *f));
        Confusion {
            hits,
            false_alarms,
            misses: self.positives - hits,
            passes: self.negatives - false_alarms,
        }
    }

    /// One point for each different score, from the strictest threshold to the loosest.
    pub fn curve(&self) -> impl Iterator<Item = CurvePoint> {
        self.steps.iter().map(|(threshold, hits, false_alarms)| CurvePoint {
            threshold: *threshold,
            false_positive_rate: *false_alarms as f64 / self.negatives as f64,
            recall: *hits as f64 / self.positives as f64,
            precision: *hits as f64 / (hits + false_alarms) as f64,
        })
    }
}
