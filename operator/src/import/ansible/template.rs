//! Fills in templates such as `{{ inventory_hostname }}.example.org`. Between the braces, only the name of a
//! variable is understood. Filters and expressions are not.

use std::collections::BTreeMap;

use super::variable::{Value, Variable};

/// The maximum number of nested templates: the value of a variable in a template may be a template itself.
const DEEPEST: usize = 8;
/// The maximum length of a template, and of the text that results from it, in bytes.
const LONGEST: usize = 1 << 12;

/// Returns the text with the values of variables in place of their names. Returns `None` if a template is not
/// understood.
pub fn fill(text: &str, host: &str, variables: &BTreeMap<&str, &Variable>) -> Option<String> {
    fill_at(text, host, variables, DEEPEST)
}

fn fill_at(text: &str, host: &str, variables: &BTreeMap<&str, &Variable>, depth: usize) -> Option<String> {
    if text.contains("{%") || text.len() > LONGEST {
        return None;
    }
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, behind) = after.split_once("}}")?;
        filled.push_str(before);
        filled.push_str(&match name.trim() {
            "inventory_hostname" => host.to_owned(),
            "inventory_hostname_short" => host.split('.').next().unwrap_or(host).to_owned(),
            name => match &variables.get(name)?.value {
                Value::Text(text) if depth > 0 => fill_at(text, host, variables, depth - 1)?,
                Value::Text(_) | Value::Nothing | Value::List(_) | Value::Set(_) | Value::Encrypted => {
                    return None;
                }
            },
        });
        if filled.len() > LONGEST {
            return None;
        }
        rest = behind;
    }
    filled.push_str(rest);
    Some(filled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::note::Place;

    #[test]
    fn names_are_filled_in_and_nothing_else() {
        let place = Place::file("x");
        let texts = [("domain", "example.org"), ("fqdn", "a.{{ domain }}"), ("loop", "{{ loop }}{{ loop }}")];
        let owned = texts.map(|(name, text)| (name, Variable::text(text, &place)));
        let variables = owned.iter().map(|(name, variable)| (*name, variable)).collect();
        let fill = |text| fill(text, "web-1.lan", &variables);
        assert_eq!(fill("10.0.0.1").as_deref(), Some("10.0.0.1"));
        assert_eq!(fill("{{inventory_hostname}}-{{ fqdn }}").as_deref(), Some("web-1.lan-a.example.org"));
        assert_eq!(fill("{{ inventory_hostname_short }}").as_deref(), Some("web-1"));
        for text in ["{{ domain | upper }}", "{{ missing }}", "{{ domain", "{% if x %}", "{{ loop }}"] {
            assert_eq!(fill(text), None, "{text}");
        }
    }
}
