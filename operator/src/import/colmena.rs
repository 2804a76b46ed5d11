//! Imports the nodes of a hive, which is a set of NixOS hosts that colmena deploys.

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

/// The Nix function that reads the nodes from the flake output `colmena`.
const READ: &str = include_str!("colmena.nix");
/// The Nix function that reads the nodes from the flake output `colmenaHive`.
const READ_HIVE: &str = include_str!("colmena_hive.nix");

/// The nodes of a hive.
#[derive(Debug, Default, Deserialize)]
struct Hive {
    /// The names of all nodes of the hive.
    names: Vec<String>,
    /// The nodes whose deployment data was read, by name.
    nodes: BTreeMap<String, Node>,
}

/// The deployment data of a node.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Node {
    #[serde(default)]
    allow_local_deployment: bool,
    #[serde(default)]
    build_on_target: bool,
    #[serde(default)]
    privilege_escalation_command: Vec<String>,
    #[serde(default)]
    ssh_options: Vec<String>,
    #[serde(default)]
    tags: Vec<String>,
    target_host: Option<String>,
    target_port: Option<u16>,
    target_user: Option<String>,
    #[serde(default)]
    keys: Vec<String>,
    system: Option<String>,
}

/// Imports the nodes of the hive in a flake. Only the deployment data of the nodes is evaluated.
///
/// # Errors
/// The flake has no hive, the hive cannot be evaluated, or it has no node that can be imported.
pub async fn import(nix: &Nix) -> Result<Draft, Problem> {
    let mut found = FoundInventory::new(Tool::Colmena, nix.flake.shown());
    let (hive, failed) = read(nix).await?;
    for (name, node) in hive.nodes {
        let host = host(&name, node);
        for group in &host.groups {
            found.groups.entry(group.clone()).or_default();
        }
        found.hosts.push(host);
    }
    for (name, problem) in failed {
        let why = problem.why.unwrap_or(problem.what);
        let why = why.lines().next().unwrap_or_default().to_owned();
        let refused = Some(format!("its deployment data cannot be evaluated: {why}"));
        found.hosts.push(FoundHost { refused, ..FoundHost::named(&name) });
    }
    Draft::of(found)
}

type Failed = Vec<(String, Problem)>;

/// Evaluates all nodes at once. If this fails, evaluates the nodes one by one, so that a mistake in one node
/// does not prevent the import of the other nodes.
async fn read(nix: &Nix) -> Result<(Hive, Failed), Problem> {
    let first = match evaluate::<Hive>(nix, "colmena", &of_nodes(None)?).await {
        Ok(hive) => return Ok((hive, Vec::new())),
        Err(problem) => problem,
    };
    let is_missing = first.code == Code::NoFleet;
    match evaluate::<Hive>(nix, "colmenaHive", READ_HIVE).await {
        Ok(hive) => return Ok((hive, Vec::new())),
        Err(problem) if is_missing && problem.code == Code::NoFleet => {
            return Err(Problem::new(Code::Import, "the flake has no hive of colmena")
                .at(nix.flake.shown())
                .because("it has neither the output `colmena` nor the output `colmenaHive`")
                .help("name the flake of the hive; without flakes, move the hive into a flake first"));
        }
        Err(problem) if is_missing => return Err(problem),
        Err(_) => {}
    }
    let Ok(all) = evaluate::<Hive>(nix, "colmena", &of_nodes(Some(&[]))?).await else { return Err(first) };
    let (mut hive, mut failed) = (Hive::default(), Vec::new());
    for name in all.names {
        match evaluate::<Hive>(nix, "colmena", &of_nodes(Some(&[&name]))?).await {
            Ok(read) => hive.nodes.extend(read.nodes),
            Err(problem) => failed.push((name, problem)),
        }
    }
    if hive.nodes.is_empty() { Err(first) } else { Ok((hive, failed)) }
}

/// Returns the Nix function that reads the nodes in `names`, or all nodes if `names` is `None`.
fn of_nodes(names: Option<&[&str]>) -> Result<String, Problem> {
    let json = serde_json::to_string(&names)
        .and_then(|json| serde_json::to_string(&json))
        .map_err(|error| Problem::new(Code::Import, "a node has an unusual name").because(error))?;
    // A JSON string is also a Nix string, except that Nix replaces `${…}` in it. The backslash before `$`
    // prevents this.
    Ok(format!("({READ}) (builtins.fromJSON {})", json.replace('$', "\\$")))
}

fn host(name: &str, node: Node) -> FoundHost {
    let mut host = FoundHost { groups: node.tags.into_iter().collect(), ..FoundHost::named(name) };
    host.addr = node.target_host;
    if host.addr.is_none() {
        let how = if node.allow_local_deployment { ", and is deployed on its own machine" } else { "" };
        host.refused = Some(format!("it has no targetHost{how}"));
    }
    // This is the order in which colmena passes the options to ssh, so that ssh takes the first value.
    let mut options = SshOptions::default();
    if let Some(user) = &node.target_user {
        options.set("User", user, None);
    }
    ssh_arguments::read(&node.ssh_options, &mut options, None);
    if let Some(port) = node.target_port {
        options.set("Port", &port.to_string(), None);
    }
    options.apply(&mut host);
    host.system = node.system;
    let command = node.privilege_escalation_command.join(" ");
    let is_usual = ["", "sudo", "sudo -H --", "sudo -n"].contains(&command.as_str());
    if !is_usual && host.user.as_deref() != Some("root") {
        // The arguments of the command may contain a password.
        let program = node.privilege_escalation_command.first().map(String::as_str).unwrap_or_default();
        let text = format!("privilegeEscalationCommand: {program} (NixFleet becomes root with sudo -n only)");
        host.notes.push(Note::new(NoteKind::Check, text));
    }
    if node.build_on_target {
        host.notes.push(Note::new(NoteKind::Check, "buildOnTarget (NixFleet builds on your machine)"));
    }
    for key in node.keys {
        let text = format!("deployment.keys.{key} (secret, its content is not copied)");
        host.notes.push(Note::new(NoteKind::Secret, text));
    }
    host
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_becomes_a_host() {
        let node = serde_json::json!({
            "allowLocalDeployment": false, "buildOnTarget": true,
            "privilegeEscalationCommand": ["doas", "hunter2"], "sshOptions": ["-J", "gate"], "tags": ["web"],
            "targetHost": "10.0.0.1", "targetPort": 2222, "targetUser": "ada", "keys": ["db.key"],
            "system": "aarch64-linux",
        });
        let host = host("web-1", serde_json::from_value(node).unwrap());
        assert_eq!(
            (host.addr.as_deref(), host.port, host.user.as_deref()),
            (Some("10.0.0.1"), Some(2222), Some("ada"))
        );
        assert_eq!(host.ssh[0].value, "gate");
        let notes: Vec<&str> = host.notes.iter().map(|note| note.text.as_str()).collect();
        assert_eq!(
            notes,
            [
                "privilegeEscalationCommand: doas (NixFleet becomes root with sudo -n only)",
                "buildOnTarget (NixFleet builds on your machine)",
                "deployment.keys.db.key (secret, its content is not copied)"
            ]
        );
    }

    #[test]
    fn ssh_takes_the_first_of_two_values() {
        let node = serde_json::json!({
            "sshOptions": ["-p", "23", "-l", "eve", "-o", "HostName=%h.lan"], "targetHost": "web-1",
            "targetPort": 22, "targetUser": "ada", "system": null,
        });
        let host = host("a", serde_json::from_value(node).unwrap());
        assert_eq!(
            (host.addr.as_deref(), host.port, host.user.as_deref()),
            (Some("web-1.lan"), Some(23), Some("ada"))
        );
    }

    #[test]
    fn a_user_that_is_null_is_not_root() {
        let node = serde_json::json!({
            "targetHost": "web-1", "targetPort": null, "targetUser": null, "system": null,
        });
        let hosts = vec![host("a", serde_json::from_value(node).unwrap())];
        let draft =
            Draft::of(FoundInventory { hosts, ..FoundInventory::new(Tool::Colmena, "flake") }).unwrap();
        let notes: Vec<&str> = draft.notes.iter().map(|note| note.text.as_str()).collect();
        assert_eq!(
            notes,
            [
                "no host sets an SSH user: colmena uses your own user name, NixFleet uses root; set ssh.user to change it"
            ]
        );
    }

    #[test]
    fn a_node_without_a_target_is_left_out() {
        let node =
            serde_json::json!({ "targetHost": null, "targetPort": null, "targetUser": null, "system": null });
        assert_eq!(
            host("a", serde_json::from_value(node).unwrap()).refused.as_deref(),
            Some("it has no targetHost")
        );
    }

    #[test]
    fn names_of_nodes_are_data_and_not_code() {
        let function = of_nodes(Some(&["${throw \"x\"}"])).unwrap();
        assert!(function.ends_with(r#"(builtins.fromJSON "[\"\${throw \\\"x\\\"}\"]")"#), "{function}");
    }
}
