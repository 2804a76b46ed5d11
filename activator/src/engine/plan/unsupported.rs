//! Refuses the parts of a manifest that this activator cannot carry out. The builder refuses to make such a
//! manifest, so only another tool can have made it.

use nixfleet_contract::manifest::Manifest;
use nixfleet_contract::problem::{Code, Problem};

/// Returns a problem for each part of the manifest that an apply would ignore.
pub(super) fn unsupported(manifest: &Manifest) -> impl Iterator<Item = Problem> {
    let refused = |what: &str, part: &str| {
        Problem::new(Code::InvalidManifest, format!("this activator cannot {what}"))
            .at(part)
            .help("build the closure of the host again, with the builder of this release")
    };
    manifest.apt.as_ref().map(|_| refused("install, hold or remove packages of apt", "apt")).into_iter()
}

#[cfg(test)]
mod tests {
    use nixfleet_contract::SCHEMA;
    use serde_json::{Value, json};

    use super::*;

    fn manifest(more: &Value) -> Manifest {
        let mut manifest = json!({
            "schema": SCHEMA, "host": "web-1", "base": "ubuntu", "system": "x86_64-linux",
            "packages": [], "groups": [], "users": [], "entries": {}, "units": {},
        });
        for (part, value) in more.as_object().unwrap() {
            manifest[part] = value.clone();
        }
        serde_json::from_value(manifest).unwrap()
    }

    #[test]
    fn nothing_that_is_declared_is_ignored() {
        let count = |more: &Value| unsupported(&manifest(more)).count();
        assert_eq!(count(&json!({})), 0);
        assert_eq!(count(&json!({ "apt": { "packages": { "nginx": { "state": "present" } } } })), 1);
    }
}
