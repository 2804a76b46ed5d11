//! The selection of the hosts that a command works on.

use nixfleet_contract::fleet::Base;
use serde::{Deserialize, Serialize};

use super::expression::{Expression, Property, Term, list, parse};

/// A selection of hosts. A host is selected if it matches at least one word of each field that is not empty.
/// An empty selection means every host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Selection {
    /// Host names, lists of host names, or patterns such as `web-*`.
    pub hosts: Vec<String>,
    /// Tags. The groups `all`, `ubuntu` and `nixos` always exist.
    pub tags: Vec<String>,
    /// Roles of hosts.
    pub roles: Vec<String>,
    /// Bases of hosts.
    pub bases: Vec<Base>,
    /// Selector expressions such as `web-* and @prod and not @canary`.
    pub expressions: Vec<String>,
}

impl Selection {
    /// Creates a selection of the host with this name.
    #[must_use]
    pub fn of_host(name: &str) -> Self {
        Self { hosts: vec![name.to_owned()], ..Self::default() }
    }

    /// Whether the selection is empty, which means every host.
    #[must_use]
    pub const fn is_everything(&self) -> bool {
        let Self { hosts, tags, roles, bases, expressions } = self;
        hosts.is_empty() && tags.is_empty() && roles.is_empty() && bases.is_empty() && expressions.is_empty()
    }

    /// Returns the words of a selection that consists only of names of hosts. Returns `None` if a tag, a
    /// pattern or an operator other than `or` decides, which only the inventory can resolve. A word may still
    /// be no name of a host, such as `ubuntu`.
    #[must_use]
    pub fn names(&self) -> Option<Vec<String>> {
        let Self { hosts, tags, roles, bases, expressions } = self;
        let is_other = !tags.is_empty() || !roles.is_empty() || !bases.is_empty();
        if is_other || hosts.is_empty() == expressions.is_empty() {
            return None;
        }
        let mut names: Vec<String> = hosts.iter().flat_map(|given| list(given)).map(str::to_owned).collect();
        for text in expressions {
            add_names(&parse(text).ok()?, &mut names)?;
        }
        names.iter().all(|name| is_literal(name)).then_some(names)
    }
}

/// Adds the names in an expression. Returns `None` if the expression contains anything else.
fn add_names(expression: &Expression, names: &mut Vec<String>) -> Option<()> {
    match expression {
        Expression::Term(Term { kind: Property::Host, pattern }) => names.push(pattern.clone()),
        Expression::Or(left, right) => {
            add_names(left, names)?;
            add_names(right, names)?;
        }
        Expression::Term(_) | Expression::Not(_) | Expression::And(..) => return None,
    }
    Some(())
}

/// Whether a word has only letters that a name of a host may have, and thus no letter of a pattern.
fn is_literal(word: &str) -> bool {
    word.bytes().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_hosts_need_no_inventory() {
        let expression = |text: &str| Selection { expressions: vec![text.into()], ..Selection::default() };
        let names = |text: &str| expression(text).names();
        let owned = |names: &[&str]| Some(names.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(names("web-1"), owned(&["web-1"]));
        assert_eq!(names("web-1,web-2 or host:db-1"), owned(&["web-1", "web-2", "db-1"]));
        assert_eq!(Selection::of_host("web-1").names(), owned(&["web-1"]));
        for other in ["web-*", "web-{1,2}", "@prod", "role:web", "not web-1", "web-1 and web-1", "web-1 or"] {
            assert_eq!(names(other), None, "{other}");
        }
        assert_eq!(Selection::default().names(), None);
        let both = Selection { hosts: vec!["web-1".into()], ..expression("web-1") };
        assert_eq!(both.names(), None);
        let tagged = Selection { tags: vec!["prod".into()], ..Selection::of_host("web-1") };
        assert_eq!(tagged.names(), None);
    }
}
