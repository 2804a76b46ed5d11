//! The open change of a bootstrap: the bootstrap has begun the change, and has not ended it.

/// The seconds within which the operator of a bootstrap checks the host after the last step. This is the
/// default of `timeouts.answer`.
const CHECKING: u64 = 300;

/// A change that a bootstrap has neither recorded nor undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// The id of the change.
    pub id: String,
    /// The operator, as `user@machine`.
    pub owner: String,
    /// The seconds since the last step.
    age: i64,
}

impl Unfinished {
    /// Parses the value of the fact `earlier`.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let mut words = value.splitn(3, ' ');
        let (id, age, owner) = (words.next()?, words.next()?.parse().ok()?, words.next()?);
        Some(Self { id: id.to_owned(), owner: owner.to_owned(), age })
    }

    /// Returns the seconds for which the operator may still check the host, or `None` if the time is over.
    #[must_use]
    pub fn remaining(&self) -> Option<u64> {
        // If the clock of the host went back, the time is over.
        let age = u64::try_from(self.age).ok()?;
        CHECKING.checked_sub(age).filter(|remaining| *remaining > 0)
    }

    /// Returns the advice for another command while this change is open.
    #[must_use]
    pub fn help(&self, remaining: u64) -> String {
        format!(
            "wait until the command of {} has ended, then run the command again; if that command does not run any \
             more, wait {remaining} seconds",
            self.owner
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_recent_change_may_still_be_checked() {
        let remaining = |age: &str| Unfinished::parse(&format!("0f {age} ada@lap top")).unwrap().remaining();
        assert_eq!(remaining("12"), Some(288));
        assert_eq!(remaining("300"), None);
        assert_eq!(remaining("-5"), None);
        assert_eq!(Unfinished::parse("0f 12 ada@lap top").unwrap().owner, "ada@lap top");
        assert_eq!(Unfinished::parse("0f soon ada"), None);
    }
}
