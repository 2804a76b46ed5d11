//! Limits the memory that parsing a document takes. Parsing may take many times the length of the document.

use crate::process::limits::{OBJECTS, VALUES};

/// Counts the objects and values in a JSON document. Invalid JSON is left for the parser to report.
///
/// # Errors
/// There are more than [`OBJECTS`] objects or more than [`VALUES`] values.
pub fn check(document: &[u8]) -> Result<(), String> {
    let (mut objects, mut values, mut is_text, mut is_escaped) = (0, 0, false, false);
    for byte in document {
        match (byte, is_text) {
            _ if is_escaped => is_escaped = false,
            (b'\\', true) => is_escaped = true,
            (b'"', _) => is_text = !is_text,
            (b'{', false) => objects += 1,
            (b',' | b':' | b'[', false) => values += 1,
            _ => {}
        }
    }
    if objects > OBJECTS {
        return Err(format!("more than {OBJECTS} JSON objects"));
    }
    if values > VALUES { Err(format!("more than {VALUES} JSON values")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_of_nothing_but_brackets_is_refused_and_a_long_text_is_not() {
        for many in ["{},", "[],", "0,"] {
            let document = format!("[{}0]", many.repeat(VALUES + 1));
            assert!(check(document.as_bytes()).is_err(), "{many}");
        }
        let text = serde_json::to_string(&r#"{[,:\"#.repeat(VALUES)).unwrap();
        assert_eq!(check(text.as_bytes()), Ok(()));
        assert_eq!(check(br#"{"a": ["\\", {}]}"#), Ok(()));
    }
}
