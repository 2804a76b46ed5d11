//! Patterns with the wildcards `*` and `?` of glob(7).

/// Returns whether a pattern matches a whole text. `*` stands for any characters, and `?` for one character.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut read) = (0, 0);
    // The position after the last `*`, and the text that the star may still take.
    let mut star: Option<(usize, usize)> = None;
    while read < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at + 1, read));
                at += 1;
            }
            Some(b'?') => {
                at += 1;
                read += 1;
            }
            Some(byte) if *byte == text[read] => {
                at += 1;
                read += 1;
            }
            _ => {
                let Some((after, taken)) = star else { return false };
                star = Some((after, taken + 1));
                at = after;
                read = taken + 1;
            }
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_a_whole_text() {
        for (pattern, text) in [
            ("nginx", "nginx"),
            ("linux-*", "linux-image-amd64"),
            ("*", ""),
            ("*-?.service", "a-b-c.service"),
            ("a*b*c", "aXbYbZc"),
            ("1.22.*", "1.22.1-9"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in
            [("nginx", "nginx-core"), ("*-image", "linux-image-amd64"), ("?", ""), ("a*b", "aXbY"), ("", "a")]
        {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }
}
