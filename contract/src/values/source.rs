//! The location of the content of a managed file.

use serde::{Deserialize, Serialize};

use super::{AbsPath, Invalid, checked_string};

/// The location of the content of a file: `files/<sha256>` inside the closure, or a normalized absolute path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Source(String);

checked_string!(Source);

impl Source {
    /// Returns the location of inline text in the closure. `sha256` is the digest of the text in hexadecimal.
    #[must_use]
    pub fn of_text(sha256: &str) -> Self {
        Self(format!("files/{sha256}"))
    }

    fn check(text: &str) -> Result<(), Invalid> {
        let is_digest = |name: &str| {
            name.len() == 64 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        if text.strip_prefix("files/").is_some_and(is_digest) {
            return Ok(());
        }
        match text.parse::<AbsPath>() {
            Ok(path) if &*path != "/" => Ok(()),
            _ => Err(Invalid(format!(
                "source `{}` is neither `files/<sha256>` nor an absolute, normal path",
                text.escape_debug()
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_stays_in_the_closure_or_is_absolute() {
        let inside = format!("files/{}", "0a".repeat(32));
        assert!(inside.parse::<Source>().is_ok());
        assert!("/nix/store/x/file".parse::<Source>().is_ok());
        for bad in ["", "/", "files/x", "../x", "/nix/store/../x", "files/../../x", "manifest.json"] {
            assert!(bad.parse::<Source>().is_err(), "{bad}");
        }
    }
}
