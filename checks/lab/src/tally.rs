//! Counts passed and failed checks.

use std::fmt;
use std::ops::AddAssign;

/// The number of passed and failed checks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// The number of passed checks.
    pub passed: usize,
    /// The number of failed checks.
    pub failed: usize,
    /// The number of tests that did not run because only `make soak-hosts` runs them.
    pub left_to_soak: usize,
}

impl Tally {
    /// Creates the tally of one check.
    #[must_use]
    pub const fn one(passed: bool) -> Self {
        Self { passed: passed as usize, failed: !passed as usize, left_to_soak: 0 }
    }

    /// Parses the counts in a line such as `test result: ok. 3 passed; 1 failed; …`, which libtest prints, or
    /// `3 passed, 1 failed`, which the project's own test programs print.
    #[must_use]
    pub fn of_line(line: &str) -> Option<Self> {
        let counts = line
            .strip_prefix("test result: ")
            .map_or(Some(line), |rest| rest.split_once(". ").map(|(_, c)| c))?;
        let mut counts = counts.split([',', ';']).map(str::trim);
        let passed = counts.next()?.strip_suffix(" passed")?.parse().ok()?;
        let failed = counts.next()?.strip_suffix(" failed")?.parse().ok()?;
        let ignored = counts.next().and_then(|it| it.strip_suffix(" ignored")?.parse().ok());
        Some(Self { passed, failed, left_to_soak: ignored.unwrap_or(0) })
    }

    /// Whether at least one check ran and none failed.
    #[must_use]
    pub const fn is_green(self) -> bool {
        self.failed == 0 && self.passed > 0
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.left_to_soak += other.left_to_soak;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn the_lines_of_both_runners_count() {
        let libtest =
            "test result: FAILED. 12 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 1s";
        assert_eq!(Tally::of_line(libtest), Some(Tally { passed: 12, failed: 1, left_to_soak: 2 }));
        assert_eq!(Tally::of_line("3 passed, 0 failed"), Some(Tally { passed: 3, ..Tally::default() }));
    }

    #[test]
    fn other_lines_do_not_count() {
        assert_eq!(Tally::of_line("test a_promise ... ok"), None);
        assert_eq!(Tally::of_line("I said 3 passed, 0 failed"), None);
    }

    #[test]
    fn nothing_that_ran_is_not_green() {
        assert!(!Tally::default().is_green());
    }
}
