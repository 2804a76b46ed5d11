//! The functions that Nix applies to the outputs of a flake, as Nix code.

use std::collections::BTreeSet;

use nixfleet_contract::fleet::Host;

/// The maximum length of a list of host names, in bytes. The list is part of one program argument, which
/// Linux limits to 128 KiB. The list has room for ten thousand hosts, or for two thousand hosts with names of
/// the maximum length.
const NAMES: usize = 120 << 10;

/// Splits hosts, in order, into as few parts as possible such that the list of names of each part is at most
/// `NAMES` bytes long.
pub fn parts<'a, 'h>(hosts: &'a [&'h Host]) -> impl Iterator<Item = &'a [&'h Host]> {
    let length = |host: &&Host| nix_string(&host.name).len() + 1;
    let mut taken = hosts.first().map_or(0, length);
    hosts.chunk_by(move |_, next| {
        let next = length(next);
        let fits = taken + next <= NAMES;
        taken = if fits { taken + next } else { next };
        fits
    })
}

/// Whether a list of names is short enough for one program argument.
pub fn fits(names: &[String]) -> bool {
    names.iter().map(|name| nix_string(name).len() + " = 0; ".len()).sum::<usize>() <= NAMES
}

/// Returns the function that Nix applies to `nixfleet.hosts` to obtain derivations. The manifest does not
/// depend on the system that builds it, so this machine also builds closures of hosts with another system. If
/// there is no activator for this machine, as on macOS, a builder for the host's system builds the closure
/// instead. The text of the function contains each host name only once.
pub fn derivations_of(hosts: &[&Host]) -> String {
    let here = local_system();
    let names = |local: bool| -> String {
        let chosen = hosts.iter().filter(|host| (host.system == here) == local);
        chosen.map(|host| nix_string(&host.name)).collect::<Vec<_>>().join(" ")
    };
    format!(
        "hosts: let of = closure: names: map (name: {{ inherit name; value = (closure hosts.${{name}}).drvPath; }}) \
         names; in builtins.listToAttrs (of (host: host.toplevel) [ {} ] \
         ++ of (host: host.toplevelFor.{} or host.toplevel) [ {} ])",
        names(true),
        nix_string(&here),
        names(false),
    )
}

/// Returns the function that Nix applies to `nixfleet.hosts` to obtain the derivations of hosts with nothing
/// declared.
pub fn bare_derivations_of(hosts: &[&Host]) -> String {
    let missing =
        "[NF-201] the nixfleet of the flake is older than this command\nwrite: nix flake update nixfleet";
    format!(
        "all: ({}) (builtins.mapAttrs (_: host: host.bare or (throw {})) all)",
        derivations_of(hosts),
        nix_string(missing),
    )
}

/// Returns the function that Nix applies to `nixfleet.whole` to obtain the inventory and the derivations of
/// the hosts with these names. Names that no host has are ignored. `None` means all hosts. Hosts that are
/// excluded from an apply are left out, because their evaluation may fail. NixOS hosts are left out, because
/// each of them is evaluated in a process of its own.
pub fn fleet_and_derivations(names: Option<&[String]>) -> String {
    let chosen = names.map_or_else(
        || "fleet.hosts".to_owned(),
        |names| {
            // Nix refuses a set that names an attribute twice.
            let names: BTreeSet<String> = names.iter().map(|name| nix_string(name)).collect();
            let attributes: Vec<String> = names.iter().map(|name| format!("{name} = 0;")).collect();
            format!("builtins.intersectAttrs {{ {} }} fleet.hosts", attributes.join(" "))
        },
    );
    format!(
        "whole: let inherit (whole) fleet; here = {}; \
         of = name: host: let closure = whole.hosts.${{name}}; in {{ inherit name; value = \
         (if host.system == here then closure.toplevel else closure.toplevelFor.${{here}} or closure.toplevel).drvPath; }}; \
         hosts = builtins.mapAttrs of ({chosen}); takes = name: let host = fleet.hosts.${{name}}; in \
         host.base != \"nixos\" && (host.maintenance or null) == null && (host.pin or null) == null; \
         in {{ inherit fleet; derivations = builtins.listToAttrs (map (name: hosts.${{name}}) \
         (builtins.filter takes (builtins.attrNames hosts))); }}",
        nix_string(&local_system()),
    )
}

/// Returns the name that Nix gives to the system of this machine, such as `x86_64-linux`.
pub fn local_system() -> String {
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
        let foreign = format!(r#"(host: host.toplevelFor."{here}" or host.toplevel) [ "x\"\${{y}}" ]"#);
        assert!(function.contains(&foreign), "{function}");
    }

    #[test]
    fn only_named_hosts_are_evaluated_with_the_inventory() {
        assert!(fleet_and_derivations(None).contains("mapAttrs of (fleet.hosts)"));
        let named = fleet_and_derivations(Some(&["web-1".into(), "db-1".into(), "web-1".into()]));
        let hosts = r#"mapAttrs of (builtins.intersectAttrs { "db-1" = 0; "web-1" = 0; } fleet.hosts)"#;
        assert!(named.contains(hosts), "{named}");
        assert!(fits(&["web-1".into()]) && !fits(&vec!["web-1".into(); 10_000]));
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
}
