//! Reads the string literals of Python. Ansible reads the values of variables in the INI format as literals.

use std::str::Chars;

/// Returns the text of a value if the value is a string literal of Python, such as `"say \"hi\""`, or several
/// literals in a row. A comment may follow. Returns `None` for any other value.
pub fn text(value: &str) -> Option<String> {
    let mut text = String::new();
    let mut letters = value.trim_start().chars();
    let mut quote = letters.next();
    loop {
        quoted(quote?, &mut letters, &mut text)?;
        letters = letters.as_str().trim_start().chars();
        quote = letters.next();
        if matches!(quote, None | Some('#')) {
            return Some(text);
        }
    }
}

/// Reads the rest of a literal after its opening quote, and adds its content to `text`.
fn quoted(quote: char, letters: &mut Chars, text: &mut String) -> Option<()> {
    if !matches!(quote, '"' | '\'') {
        return None;
    }
    loop {
        match letters.next()? {
            '\\' => escape(letters, text)?,
            letter if letter == quote => return Some(()),
            letter => text.push(letter),
        }
    }
}

/// Reads an escape sequence after its backslash. As in Python, a backslash before a letter without a special
/// meaning is kept.
fn escape(letters: &mut Chars, text: &mut String) -> Option<()> {
    let letter = letters.next()?;
    let meaning = match letter {
        '\\' | '\'' | '"' => letter,
        'a' => '\x07',
        'b' => '\x08',
        'f' => '\x0c',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\x0b',
        'x' => number(letters, 2)?,
        'u' => number(letters, 4)?,
        'U' => number(letters, 8)?,
        // Octal numbers, and names of characters, such as `\N{BULLET}`, are not read.
        '0'..='7' | 'N' => return None,
        letter => {
            text.push('\\');
            letter
        }
    };
    text.push(meaning);
    Some(())
}

/// Reads the hexadecimal number of a character, which has this many digits.
fn number(letters: &mut Chars, digits: usize) -> Option<char> {
    let hex = letters.as_str().get(..digits)?;
    *letters = letters.as_str()[digits..].chars();
    // `from_str_radix` accepts a sign.
    let number = hex.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(hex)?;
    char::from_u32(u32::from_str_radix(number, 16).ok()?)
}

#[cfg(test)]
mod tests {
    use super::text;

    /// Tried with `ast.literal_eval` of Python.
    #[test]
    fn a_literal_means_what_it_means_in_python() {
        for (literal, content) in [
            (r#""-o ProxyCommand=\"ssh -W %h:%p b\"""#, r#"-o ProxyCommand="ssh -W %h:%p b""#),
            (r#""a \" # b" # c"#, r#"a " # b"#),
            (r"'it\'s'", "it's"),
            (r"'a' 'b'", "ab"),
            (r#""""a""""#, "a"),
            (r"'\x41\u00e9\U0001f600\t\\n'", "A\u{e9}\u{1f600}\t\\n"),
            (r"'\d+'", r"\d+"),
            ("''", ""),
        ] {
            assert_eq!(text(literal).as_deref(), Some(content), "{literal}");
        }
    }

    #[test]
    fn another_value_is_no_literal() {
        for value in
            ["", "# c", "a", "80", "'a", r"'a\'", "'a' b", "'a' + 'b'", r"'\x4'", r"'\x+1'", r"'\ud800'"]
        {
            assert_eq!(text(value), None, "{value}");
        }
    }
}
