//! The durations of an operation that is measured several times.

use anyhow::Result;
use serde::Serialize;

/// The durations of one operation.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// The name of the operation.
    pub name: String,
    /// The duration of each run in seconds, in the order of the runs.
    pub seconds: Vec<f64>,
    /// The median of the durations.
    pub median: f64,
}

impl Figure {
    /// Measures an operation `runs` times. `once` runs the operation and returns its duration in seconds.
    ///
    /// # Errors
    /// A run fails.
    pub fn measure(name: &str, runs: usize, mut once: impl FnMut(usize) -> Result<f64>) -> Result<Self> {
        let mut seconds = Vec::with_capacity(runs);
        for run in 0..runs {
            let took = once(run)?;
            eprintln!("bench: {name}: {took:.3} s");
            seconds.push(took);
        }
        Ok(Self::of(name, seconds))
    }

    /// Creates a figure from durations in seconds that were measured elsewhere.
    #[must_use]
    pub fn of(name: &str, seconds: Vec<f64>) -> Self {
        Self { name: name.to_owned(), median: median(&seconds), seconds }
    }
}

/// Returns the median. For an even number of values, it is the lower of the two middle values.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    #[expect(clippy::float_cmp, reason = "the median is one of the values, untouched")]
    fn the_median_is_the_middle_one() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0]), 1.0);
        assert_eq!(median(&[]), 0.0);
    }
}
