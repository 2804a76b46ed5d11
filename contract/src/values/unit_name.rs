//! Names of systemd units.

use serde::{Deserialize, Serialize};

use super::{Invalid, checked_string};

/// A systemd unit name with its suffix, such as `web.service`, `web@.service` or `web@a.service`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UnitName(String);

checked_string!(UnitName);

impl UnitName {
    /// The suffixes that a unit name may have, see systemd.unit(5).
    pub const SUFFIXES: [&str; 10] =
        ["service", "socket", "timer", "target", "path", "mount", "automount", "swap", "slice", "device"];

    fn check(text: &str) -> Result<(), Invalid> {
        let invalid = |why: &str| Err(Invalid(format!("unit name `{}` {why}", text.escape_debug())));
        let Some((stem, suffix)) = text.rsplit_once('.') else {
            return invalid("has no suffix, such as .service or .timer");
        };
        if !Self::SUFFIXES.contains(&suffix) {
            return invalid("has no suffix that systemd knows, such as .service or .timer");
        }
        // The limit is UNIT_NAME_MAX of systemd.
        if text.len() > 255 {
            return invalid("is longer than 255 characters");
        }
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b":-_.\\@".contains(&b);
        if stem.is_empty() || stem.starts_with('@') || !stem.bytes().all(allowed) {
            return invalid("may hold only letters, digits and any of `:-_.\\@`");
        }
        Ok(())
    }

    /// Returns the suffix after the last dot, such as `service`.
    #[must_use]
    pub fn suffix(&self) -> &str {
        self.0.rsplit('.').next().unwrap_or_default()
    }

    /// Returns the part before the last dot.
    fn stem(&self) -> &str {
        self.0.rsplit_once('.').map_or("", |(stem, _)| stem)
    }

    /// Returns whether the unit is a template, such as `web@.service`. Only instances of a template can run.
    #[must_use]
    pub fn is_template(&self) -> bool {
        self.stem().ends_with('@')
    }

    /// Returns whether this is a prefix name, such as `web-.service`. Drop-ins for `web-.service` apply to
    /// every service whose name starts with `web-`.
    #[must_use]
    pub fn is_family(&self) -> bool {
        self.stem().trim_end_matches('@').ends_with('-')
    }

    /// Returns whether this is a prefix name that includes a unit: `web-.service` includes `web-a.service`,
    /// and `web-@.service` includes `web-a@b.service`.
    #[must_use]
    pub fn has_member(&self, unit: &Self) -> bool {
        let prefix = self.stem().trim_end_matches('@');
        let name = unit.stem().split('@').next().unwrap_or_default();
        self.is_family()
            && self.suffix() == unit.suffix()
            && self.is_template() == unit.stem().contains('@')
            && name.len() > prefix.len()
            && name.starts_with(prefix)
    }

    /// Returns a pattern, such as `web@*.service`, that matches every instance of this template or every unit
    /// with this prefix; `None` if this unit is neither a template nor a prefix name.
    #[must_use]
    pub fn pattern(&self) -> Option<String> {
        match (self.is_template(), self.is_family()) {
            (true, true) => Some(format!("{}*@*.{}", self.stem().trim_end_matches('@'), self.suffix())),
            (true, false) | (false, true) => Some(format!("{}*.{}", self.stem(), self.suffix())),
            (false, false) => None,
        }
    }

    /// Returns the template of this instance, such as `web@.service` for `web@a.service`; `None` if this unit
    /// is not an instance.
    #[must_use]
    pub fn template(&self) -> Option<Self> {
        let (prefix, instance) = self.stem().split_once('@')?;
        (!instance.is_empty()).then(|| Self(format!("{prefix}@.{}", self.suffix())))
    }

    /// Returns the instance string, such as `a` for `web@a.service`; `None` if this unit is not an instance.
    #[must_use]
    pub fn instance_name(&self) -> Option<&str> {
        let (_, instance) = self.stem().split_once('@')?;
        (!instance.is_empty()).then_some(instance)
    }

    /// Returns the instance of this template with the instance string `instance`; `None` if this unit is not
    /// a template, or if the string is not allowed in a unit name.
    #[must_use]
    pub fn instance(&self, instance: &str) -> Option<Self> {
        self.is_template().then(|| format!("{}{instance}.{}", self.stem(), self.suffix()).parse().ok())?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_name_has_a_known_suffix_and_only_the_letters_of_systemd() {
        for good in ["web.service", "web@.service", "web@a-b.timer", "dev-sda\\x2d1.swap", "a.b.socket"] {
            assert!(good.parse::<UnitName>().is_ok(), "{good}");
        }
        for bad in
            ["web", "web.servce", ".service", "a b.service", "a/b.service", "web.service\n", "@a.service"]
        {
            assert!(bad.parse::<UnitName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_family_knows_its_members() {
        let unit = |name: &str| name.parse::<UnitName>().unwrap();
        assert!(unit("web-.service").has_member(&unit("web-a.service")));
        assert!(unit("web-@.service").has_member(&unit("web-a@b.service")));
        for other in ["web-.service", "web.service", "web-a.socket", "web-a@b.service", "webs-a.service"] {
            assert!(!unit("web-.service").has_member(&unit(other)), "{other}");
        }
        assert!(!unit("web.service").has_member(&unit("web-a.service")));
        let patterns = ["web-.service", "web@.service", "web-@.service", "web.service"];
        let patterns = patterns.map(|name| unit(name).pattern().unwrap_or_default());
        assert_eq!(patterns, ["web-*.service", "web@*.service", "web-*@*.service", ""]);
    }

    #[test]
    fn instances_and_templates_know_each_other() {
        let template: UnitName = "web@.service".parse().unwrap();
        let instance = template.instance("a").unwrap();
        assert_eq!(instance.as_ref(), "web@a.service");
        assert_eq!(instance.template(), Some(template.clone()));
        assert!(template.is_template() && template.template().is_none() && !instance.is_template());
    }
}
