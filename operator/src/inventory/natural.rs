//! Natural order of names, which sorts `app-2` before `app-10`.

/// The sort key of a name in natural order. Runs of digits compare as numbers, all other text letter by
/// letter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Natural {
    parts: Vec<Part>,
    /// The whole name, which decides between names with equal parts, such as `app-1` and `app-01`.
    name: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    /// The digits of a number without leading zeros. The length is compared first, because a number with more
    /// digits is larger.
    Number {
        length: usize,
        digits: String,
    },
    Text(String),
}

impl Natural {
    /// Returns the sort key of a name.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let mut parts = Vec::new();
        let mut rest = name;
        while let Some(first) = rest.chars().next() {
            let is_number = first.is_ascii_digit();
            let end = rest.find(|letter: char| letter.is_ascii_digit() != is_number).unwrap_or(rest.len());
            let (run, behind) = rest.split_at(end);
            parts.push(if is_number {
                let digits = run.trim_start_matches('0').to_owned();
                Part::Number { length: digits.len(), digits }
            } else {
                Part::Text(run.to_owned())
            });
            rest = behind;
        }
        Self { parts, name: name.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sorted(names: &str) -> String {
        let mut names: Vec<&str> = names.split(' ').collect();
        names.sort_by_cached_key(|name| Natural::of(name));
        names.join(" ")
    }

    #[test]
    fn numbers_in_names_count() {
        assert_eq!(sorted("app-10 app-2 app-1 app"), "app app-1 app-2 app-10");
        assert_eq!(sorted("r2-h10 r10-h1 r2-h9"), "r2-h9 r2-h10 r10-h1");
        assert_eq!(sorted("web-1 db-20 db-3"), "db-3 db-20 web-1");
        assert_eq!(sorted("a01 a1 a001 a2"), "a001 a01 a1 a2");
        assert_eq!(
            sorted("x99999999999999999999999 x100000000000000000000000"),
            "x99999999999999999999999 x100000000000000000000000"
        );
    }

    proptest! {
        #[test]
        fn only_the_same_name_is_equal(one in "[a-b0-2-]{0,6}", other in "[a-b0-2-]{0,6}") {
            prop_assert_eq!(Natural::of(&one) == Natural::of(&other), one == other);
        }
    }
}
