//! The systems for which Nix can build on this machine and on its builders.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;

use serde::Deserialize;
use serde_json::Value;

use super::{LIMIT, Nix};
use crate::process::Invocation;

/// The systems for which Nix can build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Platforms(BTreeSet<String>);

/// The settings of Nix that decide for which systems it can build, as `nix config show --json` prints them.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct NixSettings {
    system: Setting<String>,
    extra_platforms: Setting<Vec<String>>,
    builders: Setting<String>,
    /// Programs that build for other systems, in newer versions of Nix.
    external_builders: Option<Setting<Value>>,
}

#[derive(Deserialize)]
struct Setting<T> {
    value: T,
}

impl Nix {
    /// Returns the systems for which Nix can build. Returns `None` if they are unknown: this version of Nix
    /// does not print its settings, or has builders that NixFleet does not know.
    pub(super) async fn platforms(&self) -> Option<Platforms> {
        // Each passed flag has two values. `nix config` accepts only those that set an option of Nix.
        let options = self.passed.chunks_exact(3).filter(|flag| flag[0] == "--option").flatten();
        let invocation = Invocation::new("nix", LIMIT)
            .args(["--extra-experimental-features", "nix-command", "config", "show", "--json"])
            .args(options);
        let output = invocation.run().await.ok()?;
        if output.status.success() { Platforms::of(&output.stdout, &file) } else { None }
    }
}

impl Platforms {
    /// Creates the platforms of a machine that can build for these systems.
    #[cfg(test)]
    pub fn of_systems(systems: &[&str]) -> Self {
        Self(systems.iter().map(|&system| system.to_owned()).collect())
    }

    /// Whether Nix can build a derivation for this system. Nix itself builds derivations for `builtin`.
    pub fn can_build(&self, system: &str) -> bool {
        system == "builtin" || self.0.contains(system)
    }

    /// Reads the settings of Nix. `file` returns the content of a file that lists builders.
    fn of(settings: &[u8], file: &dyn Fn(&str) -> Option<String>) -> Option<Self> {
        let settings: NixSettings = serde_json::from_slice(settings).ok()?;
        let has_external = |setting: &Setting<Value>| {
            setting.value.as_array().is_none_or(|programs| !programs.is_empty())
                && setting.value.as_str() != Some("")
        };
        if settings.external_builders.as_ref().is_some_and(has_external) {
            return None;
        }
        let own = settings.system.value;
        let mut systems = BTreeSet::from_iter(settings.extra_platforms.value);
        add_builders(&settings.builders.value, &own, file, &mut systems)?;
        systems.insert(own);
        Some(Self(systems))
    }
}

/// Adds the systems of builders. A list has builders such as `ssh://host system,system key jobs`, and files
/// with further lists, such as `@/etc/nix/machines`. `own` is the system of a builder that names none.
fn add_builders(
    list: &str,
    own: &str,
    file: &dyn Fn(&str) -> Option<String>,
    systems: &mut BTreeSet<String>,
) -> Option<()> {
    for builder in list.lines().filter_map(|line| line.split('#').next()).flat_map(|line| line.split(';')) {
        let mut fields = builder.split_whitespace();
        let Some(first) = fields.next() else { continue };
        if let Some(path) = first.strip_prefix('@') {
            // A file that names further files is unusual, so its builders are unknown.
            add_builders(&file(path)?, own, &|_| None, systems)?;
        } else {
            let named = fields.next().filter(|systems| *systems != "-").unwrap_or(own);
            systems.extend(named.split(',').map(str::to_owned));
        }
    }
    Some(())
}

/// Returns the content of a file. A missing file is empty, as for Nix.
fn file(path: &str) -> Option<String> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Some(String::new()),
        content => content.ok(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn platforms(builders: &str, file: &str) -> Option<Platforms> {
        let settings = json!({
            "builders": { "value": builders, "defaultValue": "@/etc/nix/machines" },
            "cores": { "value": 0 },
            "extra-platforms": { "value": ["i686-linux"] },
            "system": { "value": "x86_64-linux" },
        });
        Platforms::of(settings.to_string().as_bytes(), &|_| Some(file.to_owned()))
    }

    fn systems(builders: &str, file: &str) -> Vec<String> {
        platforms(builders, file).unwrap().0.into_iter().collect()
    }

    #[test]
    fn this_machine_builds_for_its_system_its_extra_platforms_and_nix_itself() {
        let platforms = platforms("", "").unwrap();
        for (system, can) in
            [("x86_64-linux", true), ("i686-linux", true), ("builtin", true), ("aarch64-linux", false)]
        {
            assert_eq!(platforms.can_build(system), can, "{system}");
        }
    }

    #[test]
    fn builders_are_read_from_the_setting_and_from_its_file() {
        let line =
            "ssh-ng://a aarch64-linux,armv7l-linux /key 4 2 kvm - c3No; ssh://b - # ssh://c riscv64-linux";
        let all = ["aarch64-linux", "armv7l-linux", "i686-linux", "x86_64-linux"];
        assert_eq!(systems(line, ""), all);
        let file = "# builders\nssh://a aarch64-linux\n\nssh://b armv7l-linux\n";
        assert_eq!(systems("@/etc/nix/machines", file), all);
    }

    #[test]
    fn builders_that_cannot_be_read_are_unknown() {
        let settings = |more: Value| {
            let mut settings = json!({
                "builders": { "value": "@/etc/nix/machines" },
                "extra-platforms": { "value": [] },
                "system": { "value": "aarch64-darwin" },
            });
            settings["external-builders"] = json!({ "value": more });
            settings.to_string()
        };
        assert_eq!(Platforms::of(settings(json!([])).as_bytes(), &|_| None), None);
        assert!(Platforms::of(settings(json!([])).as_bytes(), &|_| Some(String::new())).is_some());
        let external = json!([{ "systems": ["aarch64-linux"], "program": "/vm" }]);
        assert_eq!(Platforms::of(settings(external).as_bytes(), &|_| Some(String::new())), None);
        assert_eq!(platforms("@/etc/nix/machines", "@/more"), None);
        assert_eq!(Platforms::of(b"error: 'config' is not a recognised command", &|_| None), None);
    }
}
