//! The expression language of `--on`, for example `web-* and @prod and not (role:db or base:nixos)`.
//!
//! A list such as `web-1,web-2` binds tightest, then `not` or `!`, then `and`, then `or`.

use std::fmt;

/// A parsed expression that selects hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    /// Hosts that match one term.
    Term(Term),
    /// Hosts that the inner expression does not select.
    Not(Box<Self>),
    /// Hosts that both expressions select.
    And(Box<Self>, Box<Self>),
    /// Hosts that at least one of the two expressions selects.
    Or(Box<Self>, Box<Self>),
}

/// One word of an expression. The word compares a property of a host with a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// The property to compare.
    pub kind: Property,
    /// The literal or glob pattern that the property must match.
    pub pattern: String,
}

/// The properties of a host that an expression can select by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Property {
    /// The name of the host.
    Host,
    /// One of the tags of the host.
    Tag,
    /// One of the roles of the host.
    Role,
    /// The base of the host.
    Base,
}

impl fmt::Display for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Host => "host",
            Self::Tag => "tag",
            Self::Role => "role",
            Self::Base => "base",
        })
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Term(Term { kind: Property::Host, pattern }) => f.write_str(pattern),
            Self::Term(Term { kind: Property::Tag, pattern }) => write!(f, "@{pattern}"),
            Self::Term(Term { kind, pattern }) => write!(f, "{kind}:{pattern}"),
            Self::Not(inner) => write!(f, "not ({inner})"),
            Self::And(left, right) => write!(f, "({left}) and ({right})"),
            Self::Or(left, right) => write!(f, "({left}) or ({right})"),
        }
    }
}

/// The maximum nesting depth of parentheses and `not`, so that no input exhausts the stack.
const DEPTH_LIMIT: usize = 100;

/// Parses an expression. The error message states which word was found and what was expected.
pub fn parse(text: &str) -> Result<Expression, String> {
    let tokens = tokens(text);
    let mut parser = Parser { tokens: &tokens, depth: 0 };
    let expression = parser.or()?;
    match parser.tokens {
        [] => Ok(expression),
        [rest, ..] => Err(format!("expected `and` or `or`, found `{rest}`")),
    }
}

/// Splits text into words, parentheses, commas between words, and the `!` before a word.
fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    // The start of the current word, and the number of open brackets in it. Commas within brackets belong to
    // the pattern.
    let (mut word, mut open) = (None, 0_usize);
    for (at, letter) in text.char_indices() {
        let is_mark = match letter {
            '(' | ')' => true,
            ',' => open == 0,
            '!' => word.is_none(),
            _ => false,
        };
        if is_mark || letter.is_whitespace() {
            tokens.extend(word.take().map(|start| &text[start..at]));
            tokens.extend(is_mark.then(|| &text[at..at + letter.len_utf8()]));
            open = 0;
        } else {
            word.get_or_insert(at);
            match letter {
                '{' | '[' => open += 1,
                '}' | ']' => open = open.saturating_sub(1),
                _ => {}
            }
        }
    }
    tokens.extend(word.map(|start| &text[start..]));
    tokens
}

/// Splits a list such as `web-1,web-{2,3}` into its parts. Commas within brackets belong to a pattern.
pub fn list(text: &str) -> Vec<&str> {
    let mut open = 0_usize;
    let is_comma = |letter: char| {
        match letter {
            '{' | '[' => open += 1,
            '}' | ']' => open = open.saturating_sub(1),
            _ => {}
        }
        letter == ',' && open == 0
    };
    text.split(is_comma).map(str::trim).collect()
}

struct Parser<'a> {
    tokens: &'a [&'a str],
    depth: usize,
}

impl<'a> Parser<'a> {
    fn or(&mut self) -> Result<Expression, String> {
        let mut left = self.and()?;
        while self.take("or") {
            left = Expression::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Expression, String> {
        let mut left = self.not()?;
        while self.take("and") {
            left = Expression::And(Box::new(left), Box::new(self.not()?));
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<Expression, String> {
        if self.depth >= DEPTH_LIMIT {
            return Err(format!("it is nested deeper than {DEPTH_LIMIT} levels"));
        }
        self.depth += 1;
        let inner = if self.take("not") || self.take("!") {
            Expression::Not(Box::new(self.not()?))
        } else if self.take("(") {
            let inner = self.or()?;
            if !self.take(")") {
                return Err(format!("expected `)`, found {}", self.found()));
            }
            inner
        } else {
            self.list()?
        };
        self.depth -= 1;
        Ok(inner)
    }

    fn list(&mut self) -> Result<Expression, String> {
        let mut left = Expression::Term(self.term()?);
        while self.take(",") {
            left = Expression::Or(Box::new(left), Box::new(Expression::Term(self.term()?)));
        }
        Ok(left)
    }

    fn term(&mut self) -> Result<Term, String> {
        let expected = || format!("expected a host, @tag, role:NAME or base:NAME, found {}", self.found());
        let word: &'a str = match self.tokens {
            [word @ ("and" | "or" | ")" | ","), ..] => {
                return Err(format!("expected a host before `{word}`"));
            }
            ["!" | "not" | "(", ..] => {
                return Err(format!(
                    "{}; a list contains only plain words, such as: web-1,@db and not web-2",
                    expected()
                ));
            }
            [word, ..] => word,
            [] => return Err(expected()),
        };
        let (kind, pattern) = match (word.strip_prefix('@'), word.split_once(':')) {
            (None, Some(("role", role))) => (Property::Role, role),
            (None, Some(("base", base))) => (Property::Base, base),
            (Some(tag), _) | (None, Some(("tag" | "group", tag))) => (Property::Tag, tag),
            (None, Some(("host", host))) => (Property::Host, host),
            (None, Some((unknown, _))) => return Err(format!("`{unknown}:` is not one of role: and base:")),
            (None, None) => (Property::Host, word),
        };
        if pattern.is_empty() {
            return Err(expected());
        }
        self.tokens = &self.tokens[1..];
        Ok(Term { kind, pattern: pattern.to_owned() })
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.tokens.first() == Some(&word);
        if found {
            self.tokens = &self.tokens[1..];
        }
        found
    }

    fn found(&self) -> String {
        self.tokens.first().map_or_else(|| "the end".to_owned(), |token| format!("`{token}`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str) -> String {
        parse(text).map_or_else(|error| format!("error: {error}"), |expression| expression.to_string())
    }

    #[test]
    fn not_binds_tighter_than_and_and_and_tighter_than_or() {
        assert_eq!(shown("a or not b and @c"), "(a) or ((not (b)) and (@c))");
        assert_eq!(shown("(a or not b)and(@c)"), "((a) or (not (b))) and (@c)");
        assert_eq!(shown("web-* and role:db or base:nixos"), "((web-*) and (role:db)) or (base:nixos)");
        assert_eq!(shown("host:a and tag:b"), "(a) and (@b)");
        assert_eq!(shown("!a and !(@b or !role:c)"), "(not (a)) and (not ((@b) or (not (role:c))))");
        assert_eq!(shown("!! a"), "not (not (a))");
    }

    #[test]
    fn a_list_binds_tightest_and_leaves_patterns_alone() {
        assert_eq!(shown("a,@b, role:c and not d,e"), "(((a) or (@b)) or (role:c)) and (not ((d) or (e)))");
        assert_eq!(shown("web-{1,2},db-[!,3]"), "(web-{1,2}) or (db-[!,3])");
        assert_eq!(list("web-{1,2}, db-[!,3],,x"), ["web-{1,2}", "db-[!,3]", "", "x"]);
    }

    #[test]
    fn mistakes_are_named() {
        let expected = "expected a host, @tag, role:NAME or base:NAME, found";
        assert_eq!(shown(""), format!("error: {expected} the end"));
        assert_eq!(shown("a and"), format!("error: {expected} the end"));
        assert_eq!(shown("@"), format!("error: {expected} `@`"));
        assert_eq!(shown("and a"), "error: expected a host before `and`");
        assert_eq!(shown("(a or b"), "error: expected `)`, found the end");
        assert_eq!(shown("a b"), "error: expected `and` or `or`, found `b`");
        assert_eq!(shown("a )"), "error: expected `and` or `or`, found `)`");
        assert_eq!(shown("a,"), format!("error: {expected} the end"));
        assert_eq!(shown("a,,b"), "error: expected a host before `,`");
        let list = "a list contains only plain words, such as: web-1,@db and not web-2";
        assert_eq!(shown("a,!b"), format!("error: {expected} `!`; {list}"));
        assert_eq!(shown("env:prod"), "error: `env:` is not one of role: and base:");
        assert_eq!(shown(&"(".repeat(5000)), "error: it is nested deeper than 100 levels");
        assert_eq!(shown(&"not ".repeat(5000)), "error: it is nested deeper than 100 levels");
    }

    fn expressions() -> impl Strategy<Value = Expression> {
        let kind = prop_oneof![
            Just(Property::Host),
            Just(Property::Tag),
            Just(Property::Role),
            Just(Property::Base)
        ];
        let term = (kind, "[a-z][a-z0-9*-]{0,5}")
            .prop_filter("no word of the language", |(_, word)| !matches!(&**word, "and" | "or" | "not"))
            .prop_map(|(kind, pattern)| Expression::Term(Term { kind, pattern }));
        term.prop_recursive(5, 40, 2, |inner| {
            prop_oneof![
                inner.clone().prop_map(|inner| Expression::Not(Box::new(inner))),
                (inner.clone(), inner.clone()).prop_map(|(l, r)| Expression::And(Box::new(l), Box::new(r))),
                (inner.clone(), inner).prop_map(|(l, r)| Expression::Or(Box::new(l), Box::new(r))),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back_as_the_same(expression in expressions()) {
            prop_assert_eq!(parse(&expression.to_string()), Ok(expression));
        }

        #[test]
        fn no_text_makes_it_panic(text in "[a-zü@:() *!,{}\\[\\]-]{0,60}") {
            let _ = parse(&text);
        }
    }
}
