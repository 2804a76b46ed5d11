//! Imports the nodes of a flake that deploy-rs deploys. Each node is a host.

use std::collections::BTreeMap;

use nixfleet_contract::problem::{Code, Problem};
use serde::Deserialize;

use super::draft::Draft;
use super::found::{FoundHost, FoundInventory, Tool};
use super::hive::evaluate;
use super::note::{Note, NoteKind};
use super::ssh_arguments;
use super::ssh_options::SshOptions;
use crate::nix::Nix;

/// The Nix function that reads the nodes from the flake output `deploy`.
const READ: &str = include_str!("deploy_rs.nix");

/// The name that the profile with the NixOS system of a node has by convention.
const SYSTEM: &str = "system";

/// The deployment data of a node of deploy-rs.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Node {
    hostname: String,
    user: Option<String>,
    ssh_user: Option<String>,
    ssh_opts: Vec<String>,
    profiles: BTreeMap<String, Profile>,
}

/// The deployment data of a profile. A node has one or more profiles, which deploy-rs activates separately.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Profile {
    user: Option<String>,
    ssh_user: Option<String>,
    ssh_opts: Vec<String>,
    sudo: Option<String>,
    interactive_sudo: Option<bool>,
    remote_build: Option<bool>,
}

/// Imports the nodes of a flake. Only deployment data is evaluated, and not the contents of the profiles.
///
/// # Errors
/// The flake has no nodes, the nodes cannot be evaluated, or no node can be imported.
pub async fn import(nix: &Nix) -> Result<Draft, Problem> {
    let nodes: BTreeMap<String, Node> = match evaluate(nix, "deploy", READ).await {
        Ok(nodes) => nodes,
        Err(problem) if problem.code == Code::NoFleet => {
            return Err(Problem::new(Code::Import, "the flake has no nodes of deploy-rs")
                .at(nix.flake.shown())
                .because("it has no output `deploy`")
                .help("name the flake that deploy-rs deploys"));
        }
        Err(problem) => return Err(problem),
    };
    let mut found = FoundInventory::new(Tool::DeployRs, nix.flake.shown());
    found.hosts = nodes.into_iter().map(|(name, node)| host(&name, node)).collect();
    Draft::of(found)
}

fn host(name: &str, node: Node) -> FoundHost {
    let mut host = FoundHost::named(name);
    let system = node.profiles.get(SYSTEM);
    host.addr = Some(node.hostname);
    // This is the order in which deploy-rs passes the options to ssh, so that ssh takes the first value.
    let mut options = SshOptions::default();
    if let Some(user) = system.and_then(|profile| profile.ssh_user.clone()).or(node.ssh_user) {
        options.set("User", &user, None);
    }
    let of_profile = system.map(|profile| profile.ssh_opts.clone()).unwrap_or_default();
    ssh_arguments::read(&[of_profile, node.ssh_opts].concat(), &mut options, None);
    options.apply(&mut host);
    if let Some(user) = system.and_then(|profile| profile.user.as_deref().or(node.user.as_deref()))
        && user != "root"
    {
        let text = format!("the profile {SYSTEM} belongs to {user} (NixFleet activates NixOS as root)");
        host.notes.push(Note::new(NoteKind::Check, text));
    }
    if system.is_none() {
        let text = format!("no profile is called {SYSTEM}: check that the host runs NixOS");
        host.notes.push(Note::new(NoteKind::Check, text));
    }
    let sudo = system.and_then(|profile| profile.sudo.as_deref()).filter(|sudo| *sudo != "sudo -u");
    if let Some(sudo) = sudo.filter(|_| host.user.as_deref() != Some("root")) {
        // The arguments of the command may contain a password.
        let program = sudo.split_whitespace().next().unwrap_or_default();
        let text = format!("sudo: {program} (NixFleet becomes root with sudo -n only)");
        host.notes.push(Note::new(NoteKind::Check, text));
    }
    if system.is_some_and(|profile| profile.remote_build == Some(true)) {
        host.notes.push(Note::new(NoteKind::Check, "remoteBuild (NixFleet builds on your machine)"));
    }
    if system.is_some_and(|profile| profile.interactive_sudo == Some(true)) {
        let text = "interactiveSudo (NixFleet needs sudo without a password)";
        host.notes.push(Note::new(NoteKind::Check, text));
    }
    for (name, profile) in node.profiles.iter().filter(|(name, _)| *name != SYSTEM) {
        let user = profile.user.as_deref().or(node.user.as_deref()).unwrap_or("the SSH user");
        let text = format!("the profile {name} of {user} was not imported");
        host.notes.push(Note::new(NoteKind::Variable, text));
    }
    host
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_becomes_a_host() {
        let node = serde_json::json!({
            "hostname": "web.example.org", "user": "root", "sshUser": "ada",
            "sshOpts": ["-p", "2222", "-J", "gate", "-l", "eve"],
            "profiles": {
                "system": { "user": null, "sshUser": "deploy", "sshOpts": ["-i", "key", "-p", "23"],
                    "sudo": "doas hunter2 -u", "interactiveSudo": true, "remoteBuild": true },
                "home": { "user": "ada", "sshUser": null, "sshOpts": [] },
            },
        });
        let host = host("web-1", serde_json::from_value(node).unwrap());
        assert_eq!(
            (host.addr.as_deref(), host.port, host.user.as_deref()),
            (Some("web.example.org"), Some(23), Some("deploy"))
        );
        assert_eq!(
            host.ssh.iter().map(|setting| setting.value.as_str()).collect::<Vec<_>>(),
            ["key", "gate"]
        );
        let notes: Vec<&str> = host.notes.iter().map(|note| note.text.as_str()).collect();
        assert_eq!(
            notes,
            [
                "sudo: doas (NixFleet becomes root with sudo -n only)",
                "remoteBuild (NixFleet builds on your machine)",
                "interactiveSudo (NixFleet needs sudo without a password)",
                "the profile home of ada was not imported"
            ]
        );
    }

    #[test]
    fn a_node_without_a_system_is_told() {
        let node = serde_json::json!({
            "hostname": "a", "user": null, "sshUser": null, "sshOpts": [], "profiles": {},
        });
        assert!(host("a", serde_json::from_value(node).unwrap()).notes[0].text.contains("runs NixOS"));
    }
}
