//! Evaluates the inventory and the derivations of the selected hosts.

use std::collections::BTreeMap;
use std::sync::Arc;

use nixfleet_contract::SCHEMA;
use nixfleet_contract::fleet::{Fleet, Host};
use nixfleet_contract::problem::{Code, Problem};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Nix, no_result, stored, trace};

impl Nix {
    /// Evaluates the inventory. This evaluates no package, so it is fast.
    ///
    /// # Errors
    /// The flake cannot be evaluated, has no `nixfleet` output, or has a `nixfleet` output with another
    /// schema.
    pub async fn fleet(&self) -> Result<Fleet, Problem> {
        read_fleet(&self.evaluate("nixfleet.fleet", None).await?)
    }

    /// Evaluates the inventory for a command that builds the closures of all hosts. The same evaluation
    /// yields the derivations of all hosts that no apply excludes. A separate evaluation would need another
    /// start of Nix and another check of the flake. If a closure cannot be evaluated, [`Self::build`] reports
    /// the problem that this evaluation found.
    ///
    /// # Errors
    /// As for [`Self::fleet`].
    pub async fn fleet_to_build(&mut self) -> Result<Fleet, Problem> {
        // The evaluated attribute is not `nixfleet` alone, because Nix would resolve the name `nixfleet` to a
        // package if the flake has a package of this name.
        let (fleet, derived) = match self.evaluate("nixfleet.whole", Some(&fleet_and_derivations())).await {
            Ok(json) => {
                let Both { fleet, derivations } = serde_json::from_slice(&json).map_err(unreadable)?;
                (read_fleet(fleet.get().as_bytes())?, only_derivations(derivations))
            }
            // The mistake may be in a closure, so the inventory is evaluated alone. If this evaluation fails
            // too, only the problem of the inventory is reported.
            Err(problem) => (self.fleet().await?, Err(problem)),
        };
        self.derived = Arc::new(derived);
        Ok(fleet)
    }

    /// Returns the derivations of the closures of these hosts. Derivations that are not known yet are
    /// evaluated in as few calls of Nix as possible. The host names of one call have to fit into one
    /// argument. The hosts are not passed as separate installables, because for each installable Nix would
    /// evaluate the flake again if the Git tree is dirty.
    ///
    /// # Errors
    /// A host cannot be evaluated.
    pub(super) async fn derivations(&self, hosts: &[Host]) -> Result<BTreeMap<String, String>, Problem> {
        let derived = self.derived.as_ref().as_ref().map_err(Clone::clone)?;
        let known = hosts.iter().filter_map(|host| derived.get_key_value(&host.name));
        let mut derivations: BTreeMap<String, String> =
            known.map(|(name, path)| (name.clone(), path.clone())).collect();
        let unknown: Vec<&Host> = hosts.iter().filter(|host| !derived.contains_key(&host.name)).collect();
        for part in parts(&unknown) {
            let json = self.evaluate("nixfleet.hosts", Some(&derivations_of(part))).await?;
            let some: BTreeMap<String, String> = serde_json::from_slice(&json).map_err(unreadable)?;
            derivations.extend(only_derivations(some)?);
        }
        Ok(derivations)
    }

    async fn evaluate(&self, attribute: &str, apply: Option<&str>) -> Result<Vec<u8>, Problem> {
        let mut invocation =
            self.invocation(&["eval", "--json", "--show-trace"]).args([self.fragment(attribute)]);
        if let Some(function) = apply {
            invocation = invocation.args(["--apply", function]);
        }
        let output = self.run(invocation).await.map_err(|failure| no_result(Code::Evaluation, &failure))?;
        let stderr = output.stderr_text();
        if output.status.success() {
            self.show_warnings(&stderr);
            return Ok(output.stdout);
        }
        Err(trace::distil(&stderr, &self.flake))
    }
}

/// Checks that all paths are derivations in the store. The flake can return any text here, and Nix would
/// fetch whatever the text names. For example, Nix would copy a directory of the user into the store.
fn only_derivations(derivations: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Problem> {
    match derivations.iter().find(|(_, path)| !path.strip_suffix(".drv").is_some_and(stored::is_path)) {
        None => Ok(derivations),
        Some((host, path)) => {
            Err(Problem::new(Code::Evaluation, "the closure of a host in the flake is not a derivation")
                .at(format!("nixfleet.hosts.{host}"))
                .because(path))
        }
    }
}

fn unreadable(error: serde_json::Error) -> Problem {
    Problem::new(Code::Evaluation, "Nix did not print the derivations of the hosts")
        .at("nixfleet.hosts")
        .because(error)
}

/// The inventory, and the derivations of closures by host.
#[derive(Deserialize)]
struct Both {
    fleet: Box<RawValue>,
    derivations: BTreeMap<String, String>,
}

fn read_fleet(json: &[u8]) -> Result<Fleet, Problem> {
    let read = |why: serde_json::Error| {
        Problem::new(Code::Evaluation, "this nixfleet cannot read the inventory of the flake")
            .at("nixfleet.fleet")
            .because(why)
            .help("use the nixfleet from the inputs of the flake: nix run .#plan")
    };
    let Schema { schema } = serde_json::from_slice(json).map_err(read)?;
    if schema != SCHEMA {
        return Err(Problem::new(
            Code::Evaluation,
            "the inventory has a schema that this nixfleet cannot read",
        )
        .at("nixfleet.fleet")
        .because(format!(
            "the inventory has schema {schema}, but this nixfleet can read only schema {SCHEMA}"
        ))
        .help("use the nixfleet from the inputs of the flake: nix run .#plan"));
    }
    serde_json::from_slice(json).map_err(read)
}

#[derive(Deserialize)]
struct Schema {
    schema: u32,
}

/// The maximum length of a list of host names, in bytes. The list is part of one program argument, which
/// Linux limits to 128 KiB. The list has room for ten thousand hosts, or for two thousand hosts with names of
/// the maximum length.
const NAMES: usize = 120 << 10;

/// Splits hosts, in order, into as few parts as possible such that the list of names of each part is at most
/// `NAMES` bytes long.
fn parts<'a, 'h>(hosts: &'a [&'h Host]) -> impl Iterator<Item = &'a [&'h Host]> {
    let length = |host: &&Host| nix_string(&host.name).len() + 1;
    let mut taken = hosts.first().map_or(0, length);
    hosts.chunk_by(move |_, next| {
        let next = length(next);
        let fits = taken + next <= NAMES;
        taken = if fits { taken + next } else { next };
        fits
    })
}

/// Returns the function that Nix applies to `nixfleet.hosts` to obtain derivations. The manifest does not
/// depend on the system that builds it, so closures of hosts with another system are built on this machine as
/// well. The text contains each host name only once.
fn derivations_of(hosts: &[&Host]) -> String {
    let here = local_system();
    let names = |local: bool| -> String {
        let chosen = hosts.iter().filter(|host| (host.system == here) == local);
        chosen.map(|host| nix_string(&host.name)).collect::<Vec<_>>().join(" ")
    };
    format!(
        "hosts: let of = closure: names: map (name: {{ inherit name; value = (closure hosts.${{name}}).drvPath; }}) \
         names; in builtins.listToAttrs (of (host: host.toplevel) [ {} ] ++ of (host: host.toplevelFor.{}) [ {} ])",
        names(true),
        nix_string(&here),
        names(false),
    )
}

/// Returns the function that Nix applies to `nixfleet.whole` to obtain the inventory and the derivations.
/// Hosts that an apply excludes are left out, because they may not even evaluate.
fn fleet_and_derivations() -> String {
    format!(
        "whole: let here = {}; of = name: host: let closure = whole.hosts.${{name}}; in {{ inherit name; value = \
         (if host.system == here then closure.toplevel else closure.toplevelFor.${{here}}).drvPath; }}; \
         hosts = builtins.mapAttrs of whole.fleet.hosts; \
         takes = name: let host = whole.fleet.hosts.${{name}}; in \
         (host.maintenance or null) == null && (host.pin or null) == null; \
         in {{ inherit (whole) fleet; derivations = builtins.listToAttrs (map (name: hosts.${{name}}) \
         (builtins.filter takes (builtins.attrNames hosts))); }}",
        nix_string(&local_system()),
    )
}

/// Returns the name that Nix gives to the system of this machine, such as `x86_64-linux`.
fn local_system() -> String {
    let os = match std::env::consts::OS {
        "macos" => "darwin",
        os => os,
    };
    format!("{}-{os}", std::env::consts::ARCH)
}

/// Formats text as a string literal of the Nix language.
fn nix_string(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace("${", "\\${"))
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::sample;

    fn host(name: &str, system: &str) -> Host {
        Host { system: system.into(), ..sample::host(name) }
    }

    #[test]
    fn names_are_quoted_and_foreign_systems_are_built_here() {
        let here = local_system();
        let function = derivations_of(&[&host("web-1", &here), &host("x\"${y}", "riscv64-linux")]);
        assert!(function.contains(r#"(host: host.toplevel) [ "web-1" ]"#), "{function}");
        let foreign = format!(r#"(host: host.toplevelFor."{here}") [ "x\"\${{y}}" ]"#);
        assert!(function.contains(&foreign), "{function}");
    }

    #[test]
    fn however_many_hosts_and_long_names_every_argument_is_short_enough() {
        for (count, letters, arguments) in [(0, 9, 0), (10_000, 9, 1), (10_000, 63, 6)] {
            let host = |index| Host { name: format!("{index:0letters$}"), ..host("", &local_system()) };
            let hosts: Vec<Host> = (0..count).map(host).collect();
            let hosts: Vec<&Host> = hosts.iter().collect();
            let parts: Vec<&[&Host]> = parts(&hosts).collect();
            assert_eq!((parts.len(), parts.concat()), (arguments, hosts.clone()));
            assert!(parts.into_iter().all(|part| derivations_of(part).len() < 128 << 10));
        }
    }

    #[test]
    fn an_inventory_that_evaluation_would_refuse_is_refused() {
        let fleet = |place: &str, text: &str| {
            let mut fleet = serde_json::json!({
                "schema": SCHEMA,
                "hosts": { "web-1": {
                    "name": "web-1", "base": "ubuntu", "system": "x86_64-linux", "addr": "10.0.0.1",
                    "ssh": { "user": "root", "port": 22 }, "tags": ["prod"], "roles": ["web"],
                } },
                "tags": { "prod": { "before": ["db"], "rollout": { "spread": "rack" } } },
            });
            if let Some(value) = fleet.pointer_mut(place) {
                *value = text.into();
            }
            read_fleet(fleet.to_string().as_bytes())
        };
        assert!(fleet("", "").is_err() && fleet("/none", "").is_ok());
        for place in [
            "/hosts/web-1/name",
            "/hosts/web-1/system",
            "/hosts/web-1/addr",
            "/hosts/web-1/ssh/user",
            "/hosts/web-1/tags/0",
            "/hosts/web-1/roles/0",
            "/tags/prod/before/0",
            "/tags/prod/rollout/spread",
        ] {
            for bad in ["-oProxyCommand=id", "we\u{202e}b", "w\u{435}b", "web\n"] {
                let problem = fleet(place, bad).unwrap_err();
                assert_eq!(problem.code, Code::Evaluation, "{place}");
                assert!(problem.why.is_some_and(|why| why.is_ascii()), "{place}");
            }
        }
        // The name of a host must equal the key of its entry.
        assert!(fleet("/hosts/web-1/name", "web-2").is_err());
    }
}
