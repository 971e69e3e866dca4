//! Medians, ranges and percentiles of a few measurements.

/// Measurements of one thing, in ascending order; at least one.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample(Vec<f64>);

impl Sample {
    /// `None` without measurements, or when one is not a number.
    pub fn new(mut values: Vec<f64>) -> Option<Self> {
        if values.is_empty() || values.iter().any(|value| value.is_nan()) {
            return None;
        }
        values.sort_by(f64::total_cmp);
        Some(Self(values))
    }

    /// The middle one; the upper of two.
    pub fn median(&self) -> f64 {
        self.0[self.0.len() / 2]
    }

    /// The least.
    pub fn low(&self) -> f64 {
        self.0[0]
    }

    /// The greatest.
    pub fn high(&self) -> f64 {
        self.0[self.0.len() - 1]
    }

    /// The least value that `percent` of all, 1 to 100, do not exceed (nearest rank).
    pub fn percentile(&self, percent: usize) -> f64 {
        let rank = (self.0.len() * percent).div_ceil(100);
        self.0[rank.clamp(1, self.0.len()) - 1]
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_nearest() {
        let sample = Sample::new((1..=30).rev().map(f64::from).collect()).expect("numbers");
        assert_eq!(
            (sample.low(), sample.median(), sample.high()),
            (1.0, 16.0, 30.0)
        );
        assert_eq!(
            [50, 99, 100].map(|percent| sample.percentile(percent)),
            [15.0, 30.0, 30.0]
        );
        assert_eq!(Sample::new(vec![]), None);
        assert_eq!(Sample::new(vec![f64::NAN]), None);
    }
}
