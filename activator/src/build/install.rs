//! Finds the links that enable a unit, from the unit's `[Install]` section as described in systemd.unit(5).

use std::collections::{BTreeMap, BTreeSet};

use nixfleet_contract::values::UnitName;

/// The settings that link a unit into a directory of another unit, and the suffixes of these directories.
const LINKS: [(&str, &str); 3] = [("WantedBy", "wants"), ("RequiredBy", "requires"), ("UpheldBy", "upholds")];

/// The links that enable a unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Install {
    /// The links as paths relative to the unit directory, with their targets, such as
    /// `multi-user.target.wants/web.service` → `../web.service`.
    pub links: BTreeMap<String, String>,
    /// The instance that is enabled instead of the unit, if the unit is a template.
    pub instance: Option<UnitName>,
    /// The units that `Also=` names.
    pub also: BTreeSet<UnitName>,
}

impl Install {
    /// Reads the `[Install]` section from the text of a unit. `is_enabled`: whether another unit, named by
    /// `Also=`, is declared as enabled.
    ///
    /// # Errors
    /// Fails with every mistake in the section, one sentence each.
    pub fn parse(
        unit: &UnitName,
        text: &str,
        is_enabled: impl Fn(&UnitName) -> bool,
    ) -> Result<Self, Vec<String>> {
        let mut section = UnitSection::read(text, "Install");
        let mut mistakes = Vec::new();
        let instance = section.last("DefaultInstance").map(|instance| {
            unit.instance(&instance)
                .ok_or_else(|| format!("DefaultInstance={instance} is not a valid instance name for {unit}"))
        });
        let instance = instance.transpose().unwrap_or_else(|mistake| {
            mistakes.push(mistake);
            None
        });
        if unit.is_template() && instance.is_none() && mistakes.is_empty() {
            mistakes.push(format!(
                "template {unit} cannot be enabled without an instance: add DefaultInstance= to its \
                 [Install] section, or define an instance of the template"
            ));
        }
        let linked = instance.as_ref().unwrap_or(unit);
        let mut links = BTreeMap::new();
        for (key, suffix) in LINKS {
            for target in section.units(key, &mut mistakes) {
                links.insert(format!("{target}.{suffix}/{linked}"), format!("../{unit}"));
            }
        }
        for alias in section.units("Alias", &mut mistakes) {
            if alias.suffix() == unit.suffix() {
                links.insert(alias.into(), unit.to_string());
            } else {
                mistakes.push(format!("Alias={alias} must have the same suffix as {unit}"));
            }
        }
        let also: BTreeSet<UnitName> = section.units("Also", &mut mistakes).into_iter().collect();
        for also in &also {
            if !is_enabled(also) {
                mistakes.push(format!(
                    "Also={also} names a unit that is not enabled: set `enabled = true` on that unit"
                ));
            }
        }
        if mistakes.is_empty() { Ok(Self { links, instance, also }) } else { Err(mistakes) }
    }
}

/// The values of each setting in a section, split into words.
#[derive(Default)]
pub(super) struct UnitSection(BTreeMap<String, Vec<String>>);

impl UnitSection {
    pub(super) fn read(text: &str, name: &str) -> Self {
        let mut section = Self::default();
        let mut inside = false;
        for line in logical_lines(text) {
            if line.starts_with('[') {
                inside = line.trim_matches(['[', ']']) == name;
            } else if inside && let Some((key, value)) = line.split_once('=') {
                let words = section.0.entry(key.trim().to_owned()).or_default();
                if value.trim().is_empty() {
                    // An empty assignment resets the list.
                    words.clear();
                }
                words.extend(value.split_whitespace().map(|word| word.trim_matches(['"', '\'']).to_owned()));
            }
        }
        section
    }

    pub(super) fn last(&mut self, key: &str) -> Option<String> {
        self.0.remove(key)?.pop()
    }

    fn units(&mut self, key: &str, mistakes: &mut Vec<String>) -> Vec<UnitName> {
        let words = self.0.remove(key).unwrap_or_default();
        let parsed = words.into_iter().map(|word| {
            if word.contains('%') {
                return Err(format!(
                    "{key}={word} contains a specifier, which a build cannot resolve: write the full name"
                ));
            }
            word.parse().map_err(|invalid| format!("{key}= is not valid: {invalid}"))
        });
        parsed.filter_map(|unit| unit.map_err(|mistake| mistakes.push(mistake)).ok()).collect()
    }
}

/// Returns the lines of a unit file without comments and blank lines. A line that ends in a backslash is
/// joined with the next one, as in systemd.syntax(7).
fn logical_lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut joined = String::new();
    for line in text.lines() {
        let line = line.trim();
        if line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(start) = line.strip_suffix('\\') {
            joined.push_str(start);
            joined.push(' ');
            continue;
        }
        joined.push_str(line);
        if !joined.trim().is_empty() {
            lines.push(joined.trim().to_owned());
        }
        joined.clear();
    }
    if !joined.trim().is_empty() {
        lines.push(joined.trim().to_owned());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn install(unit: &str, text: &str) -> Result<Install, Vec<String>> {
        Install::parse(&unit.parse().unwrap(), text, |also| also.as_ref() as &str == "web.socket")
    }

    #[test]
    fn every_kind_of_link_is_made() {
        let text = "[Unit]\nWantedBy=no.target\n[Install]\n# WantedBy=no.target\nWantedBy=gone.target\nWantedBy=\n\
                    WantedBy=a.target \\\n  b.target\nRequiredBy=c.target\nUpheldBy=d.target\nAlias=www.service\n\
                    Also=web.socket\n";
        let links: Vec<_> = install("web.service", text).unwrap().links.into_iter().collect();
        let expected = [
            ("a.target.wants/web.service", "../web.service"),
            ("b.target.wants/web.service", "../web.service"),
            ("c.target.requires/web.service", "../web.service"),
            ("d.target.upholds/web.service", "../web.service"),
            ("www.service", "web.service"),
        ];
        assert_eq!(links, expected.map(|(path, target)| (path.to_owned(), target.to_owned())));
    }

    #[test]
    fn evaluation_makes_links_of_the_same_settings() {
        let shared = include_str!("../../../contract/src/values/options.json");
        let shared: serde_json::Value = serde_json::from_str(shared).unwrap();
        let links = LINKS
            .map(|(setting, directory)| serde_json::json!({ "setting": setting, "directory": directory }));
        assert_eq!(shared["install"], serde_json::json!(links));
    }

    #[test]
    fn a_template_is_enabled_through_its_default_instance_only() {
        let text = "[Install]\nWantedBy=multi-user.target\n";
        assert!(install("web@.service", text).unwrap_err()[0].contains("DefaultInstance="));
        let with = install("web@.service", &format!("{text}DefaultInstance=main\n")).unwrap();
        assert_eq!(with.instance.unwrap().as_ref(), "web@main.service");
        assert_eq!(with.links["multi-user.target.wants/web@main.service"], "../web@.service");
        let instance = install("web@a.service", text).unwrap();
        assert_eq!(instance.links["multi-user.target.wants/web@a.service"], "../web@a.service");
    }

    #[test]
    fn all_mistakes_are_named() {
        let text = "[Install]\nWantedBy=%i.target multi-user\nAlias=www.socket\nAlso=other.service\n";
        assert_eq!(install("web.service", text).unwrap_err().len(), 4);
        assert!(install("web.service", "[Service]\nExecStart=/bin/true\n").unwrap().links.is_empty());
    }
}
