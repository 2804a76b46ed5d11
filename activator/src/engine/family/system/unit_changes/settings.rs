//! The settings of a unit, as `switch-to-configuration` reads them.

use std::collections::BTreeMap;

/// A section of a unit: for each key, all its values in order.
pub(super) type Section = BTreeMap<String, Vec<String>>;

/// The settings of a unit and its drop-ins, without the section `[Install]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct UnitSettings {
    pub(super) sections: BTreeMap<String, Section>,
}

impl UnitSettings {
    /// Parses the text of a unit. An empty value removes the earlier values of its key.
    pub(super) fn parse(text: &str) -> Self {
        let mut sections = BTreeMap::<String, Section>::new();
        let mut section = None;
        let joined = text.replace("\\\n", " ");
        for line in joined.lines().map(str::trim) {
            if line.starts_with(['#', ';']) {
                continue;
            }
            if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                section = (name != "Install").then(|| sections.entry(name.to_owned()).or_default());
            } else if let (Some((key, value)), Some(keys)) = (line.split_once('='), &mut section) {
                let values = keys.entry(key.trim_end().to_owned()).or_default();
                match value.trim_start() {
                    "" => values.clear(),
                    value => values.push(value.to_owned()),
                }
            }
        }
        Self { sections }
    }

    /// Returns the value of a boolean setting, or `default` if the setting is missing. Only the words that
    /// mean true in systemd.syntax(7) are true.
    pub(super) fn flag(&self, section: &str, key: &str, default: bool) -> bool {
        let last = self.sections.get(section).and_then(|section| section.get(key)?.last());
        last.map_or(default, |value| matches!(value.as_str(), "1" | "yes" | "true" | "on"))
    }

    /// Returns the names of the units that the values of the given keys list.
    pub(super) fn names<'s>(&'s self, section: &str, keys: &'s [&str]) -> impl Iterator<Item = &'s str> {
        let section = self.sections.get(section);
        let values = keys.iter().filter_map(move |key| section?.get(*key)).flatten();
        values.flat_map(|value| value.split_whitespace())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_values_add_to_earlier_ones_and_an_empty_value_removes_them() {
        let text = "K=outside\n[Unit]\nWants=a.service b.service\n# K=v\n;K=v\nWants = c.service \n\
                    [Service]\nExecStart=/a\nExecStart=\nExecStart=/b \\\n  --more\n\
                    [X-Empty]\n[Install]\nA=b\n[Unit]\nX-StopOnRemoval=yes\nX-StopOnRemoval=off\n";
        let settings = UnitSettings::parse(text);
        let sections: Vec<_> = settings.sections.keys().map(String::as_str).collect();
        assert_eq!(sections, ["Service", "Unit", "X-Empty"]);
        assert_eq!(settings.sections["Service"]["ExecStart"], ["/b    --more"]);
        let wants: Vec<_> = settings.names("Unit", &["Requires", "Wants"]).collect();
        assert_eq!(wants, ["a.service", "b.service", "c.service"]);
        assert!(!settings.flag("Unit", "X-StopOnRemoval", true));
        assert!(settings.flag("Unit", "X-OnlyManualStart", true));
    }
}
