//! The patterns of OpenSSH: `*` stands for any text and `?` for one character.

/// Whether a text is a name, and not a pattern.
pub fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.contains(['*', '?', '!'])
}

/// Whether one of the patterns in a list matches a text, and no pattern with a `!`, such as `!db-9`, excludes
/// the text.
pub fn matches_list(patterns: &[String], text: &str) -> bool {
    let excludes = |pattern: &String| pattern.strip_prefix('!').is_some_and(|rest| matches(rest, text));
    patterns.iter().any(|pattern| matches(pattern, text)) && !patterns.iter().any(excludes)
}

/// Whether a pattern matches the whole text.
pub fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut read) = (0, 0);
    // The position in the pattern after the last `*`, and the position in the text up to which this `*`
    // matches.
    let mut star: Option<(usize, usize)> = None;
    while read < text.len() {
        match pattern.get(at) {
            Some('*') => {
                at += 1;
                star = Some((at, read));
            }
            Some(letter) if *letter == '?' || *letter == text[read] => {
                at += 1;
                read += 1;
            }
            _ => match &mut star {
                Some((behind, upto)) => {
                    *upto += 1;
                    (at, read) = (*behind, *upto);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|letter| *letter == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_ssh() {
        for (pattern, text) in
            [("*", ""), ("web-?", "web-1"), ("*.org", "a.b.org"), ("a*b*c", "axbxbc"), ("é?", "éa")]
        {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("", "a"), ("web-?", "web-"), ("*.org", "org"), ("a*b", "ac"), ("[a]", "a")] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
        let list = |words: &str| words.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert!(matches_list(&list("db-1 web-*"), "web-1"));
        assert!(!matches_list(&list("web-* !web-1"), "web-1"));
        assert!(!matches_list(&list("!db-1"), "web-1"), "an exclusion alone matches nothing");
    }
}
