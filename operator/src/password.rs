//! The password of a login. It is passed to `sudo` and `ssh` over pipes, and is never part of an argument, an
//! environment variable, a message or a record.

use std::fmt;
use std::sync::Arc;

use nixfleet_contract::problem::{Code, Problem};

/// The longest password that `sudo` reads, in bytes.
const LONGEST: usize = 255;

/// The password of the user who logs in to hosts that are not prepared yet.
#[derive(Clone)]
pub struct Password(Arc<str>);

impl Password {
    /// Accepts a password.
    ///
    /// # Errors
    /// The password is empty, too long, or contains a line break.
    pub fn new(text: &str) -> Result<Self, Problem> {
        let refuse = |why: &str| Problem::new(Code::Usage, "the password cannot be used").because(why);
        if text.is_empty() {
            return Err(refuse("it is empty"));
        }
        if text.len() > LONGEST || text.contains(['\n', '\r', '\0']) {
            return Err(refuse("it is longer than 255 bytes, or contains a line break"));
        }
        Ok(Self(text.into()))
    }

    /// Returns the line that `sudo` and `ssh` read.
    pub(crate) fn line(&self) -> Vec<u8> {
        format!("{}\n", self.0).into_bytes()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_one_line_and_is_never_shown() {
        let password = Password::new("hunter2").unwrap();
        assert_eq!(
            (format!("{password:?}").as_str(), password.line()),
            ("Password(…)", b"hunter2\n".to_vec())
        );
        for bad in ["", "a\nb", "a\0", &"x".repeat(256)] {
            assert!(Password::new(bad).is_err());
        }
    }
}
