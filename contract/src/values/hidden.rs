//! Invisible characters, and characters that change how the text around them is displayed. No new path may
//! contain such a character.
//!
//! The list is in `hidden.json`, which the Nix library reads too, so that evaluation and build refuse the
//! same paths. The list applies only to new paths: if a later version lists a character of a path that a host
//! already manages, the manifests with this path can still be read and rolled back to, and the path can be
//! released.

use std::sync::LazyLock;

static LIST: LazyLock<Vec<char>> =
    LazyLock::new(|| serde_json::from_str(include_str!("hidden.json")).unwrap_or_default());

/// Returns the first invisible or misleading character of a text, if any.
#[must_use]
pub fn hidden(text: &str) -> Option<char> {
    text.chars().find(|c| !c.is_ascii() && LIST.contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_found_and_letters_are_not() {
        assert_eq!(hidden("/etc/ü 日本 e\u{301} שלום"), None);
        for c in ['\u{85}', '\u{ad}', '\u{200b}', '\u{2028}', '\u{202e}', '\u{2066}', '\u{e0041}', '\u{feff}']
        {
            assert_eq!(hidden(&format!("/etc/{c}a")), Some(c));
        }
    }
}
