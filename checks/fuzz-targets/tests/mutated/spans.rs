//! Finds the parts of a JSON document. It uses no parser, because a mutated document may no longer be JSON.

use std::ops::Range;

/// Returns the ranges of all strings, words, numbers, lists and objects, and of the members of objects.
pub fn spans(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut spans = Vec::new();
    let mut open = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        match bytes[at] {
            b'{' | b'[' => {
                open.push(start);
                at += 1;
            }
            b'}' | b']' => {
                at += 1;
                let Some(start) = open.pop() else { continue };
                add(bytes, start..at, &mut spans);
            }
            b'"' => {
                at = end_of_string(bytes, at);
                add(bytes, start..at, &mut spans);
            }
            byte if is_word(byte) => {
                at += bytes[at..].iter().take_while(|byte| is_word(**byte)).count();
                add(bytes, start..at, &mut spans);
            }
            _ => at += 1,
        }
    }
    spans
}

/// Adds the range of a value. If the value belongs to a member of an object, the range of the member is added
/// too.
fn add(bytes: &[u8], value: Range<usize>, spans: &mut Vec<Range<usize>>) {
    if value.start > 0 && bytes[value.start - 1] == b':' {
        let name = spans.iter().rev().find(|span| span.end == value.start - 1).cloned();
        spans.extend(name.map(|name| name.start..value.end));
    }
    spans.push(value);
}

fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() && bytes[at] != b'"' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    bytes.len().min(at + 1)
}

/// Returns whether the byte can be part of a number, `true`, `false` or `null`.
const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')
}

/// Returns the span together with the comma after the span. If no comma follows, includes the comma before
/// the span instead.
pub fn with_comma(bytes: &[u8], span: Range<usize>) -> Range<usize> {
    if bytes.get(span.end) == Some(&b',') {
        span.start..span.end + 1
    } else if span.start > 0 && bytes[span.start - 1] == b',' {
        span.start - 1..span.end
    } else {
        span
    }
}

#[test]
fn values_and_members_are_found_also_in_a_damaged_document() {
    let text = r#"{"a":[-1.5,"x\"]"],"b":nul"#;
    let found: Vec<&str> = spans(text.as_bytes()).into_iter().map(|span| &text[span]).collect();
    let expected = [
        r#""a""#,
        "-1.5",
        r#""x\"]""#,
        r#""a":[-1.5,"x\"]"]"#,
        r#"[-1.5,"x\"]"]"#,
        r#""b""#,
        r#""b":nul"#,
        "nul",
    ];
    assert_eq!(found, expected);
}
