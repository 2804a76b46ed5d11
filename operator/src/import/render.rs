//! Writes the text of a `fleet.nix`, formatted as nixfmt would format it.

use super::defaults::Defaults;
use super::draft::{Draft, DraftHost};
use super::found::Tool;
use super::note::{Note, NoteKind};
use super::page::{Page, attribute, string};

/// Returns the text of the `fleet.nix` that a draft describes.
#[must_use]
pub fn render(draft: &Draft) -> String {
    let mut page = Page { tool: draft.tool.name(), text: String::new() };
    let intro = format!("The hosts of {}, as `nixfleet import {}` has read them.", draft.origin, page.tool);
    page.comment("", &crate::text::one_line(&intro));
    let marks =
        format!("A line that begins with `# {}:` tells what was not imported, or was changed.", page.tool);
    page.comment("", &marks);
    for line in about(draft.tool) {
        page.comment("", line);
    }
    page.line("{");
    page.section(|page| page.general(draft));
    page.section(|page| page.defaults(&draft.defaults));
    page.section(|page| {
        for tag in draft.tags.iter().filter(|tag| !tag.notes.is_empty()) {
            for note in &tag.notes {
                let is_named = note.kind == NoteKind::Renamed;
                let of = if is_named { String::new() } else { format!("group {}: ", tag.group) };
                page.told("  ", &crate::text::one_line(&format!("{of}{}", note.text)));
            }
        }
    });
    for host in &draft.hosts {
        page.section(|page| page.host(host));
    }
    page.section(|page| {
        for host in &draft.left_out {
            page.told("  ", &format!("the host {} was not imported: {}", host.original, host.reason));
        }
    });
    page.line("}");
    page.text
}

/// Returns the comments at the beginning of each `fleet.nix` that was imported from this tool. The comments
/// tell the user what to check or to add by hand.
const fn about(tool: Tool) -> &'static [&'static str] {
    match tool {
        Tool::Ansible | Tool::SshConfig => &[
            "All hosts are taken for Ubuntu or Debian. Add `base = \"nixos\";` to hosts with NixOS, and remove hosts \
             with any other system.",
        ],
        Tool::Colmena => &[
            "The configuration of a host is not in this file. Add the modules that the host has in the hive, such as \
             `modules = [ ./web.nix ];`. Their options below `deployment` may stay. Modules have the arguments name, \
             hosts and inputs, but not nodes. The hive's `meta.specialArgs` become `specialArgs` of mkFleet, and \
             `meta.nodeSpecialArgs.NAME` becomes `hosts.NAME.specialArgs`.",
            "A module of the hive's `defaults` becomes a module of every host: \
             `defaults.modules = [ ./defaults.nix ];`.",
        ],
        Tool::DeployRs => &[
            "The configuration of a host is not in this file. Add the modules that the host has in \
             `nixosConfigurations`, such as `modules = [ ./web.nix ];`. Modules have the arguments name, hosts and \
             inputs. The specialArgs of `nixosSystem` become `specialArgs` of mkFleet, or `hosts.NAME.specialArgs`.",
            "The deployment data does not tell the system of a host. Add `system = \"aarch64-linux\";` to hosts that \
             are not x86_64.",
        ],
    }
}

impl Page {
    fn notes(&mut self, indent: &str, notes: &[Note]) {
        for note in notes {
            self.told(indent, &note.text);
        }
    }

    fn general(&mut self, draft: &Draft) {
        self.notes("  ", &draft.notes);
        if draft.ssh_config.is_empty() {
            return;
        }
        self.told("  ", "NixFleet connects with your own ssh. Add these lines to ~/.ssh/config:");
        for block in &draft.ssh_config {
            // An SSH configuration has no continuation lines, so a long list of hosts becomes several `Host`
            // blocks.
            for addrs in block.addrs.chunks(8) {
                self.line(&format!("  #   Host {}", addrs.join(" ")));
                for setting in &block.settings {
                    self.line(&format!("  #     {} {}", setting.keyword, setting.value));
                }
            }
        }
    }

    fn defaults(&mut self, defaults: &Defaults) {
        if let Some(base) = defaults.base {
            let base = serde_json::to_value(base).unwrap_or_default();
            self.line(&format!("  defaults.base = {};", string(base.as_str().unwrap_or_default())));
        }
        if let Some(system) = &defaults.system {
            self.line(&format!("  defaults.system = {};", string(system)));
        }
        if let Some(user) = &defaults.user {
            self.line(&format!("  defaults.ssh.user = {};", string(user)));
        }
        if let Some(port) = defaults.port {
            self.line(&format!("  defaults.ssh.port = {port};"));
        }
        self.list("  ", "defaults.tags", &defaults.tags);
    }

    fn host(&mut self, host: &DraftHost) {
        self.line(&format!("  hosts.{} = {{", attribute(&host.name)));
        // The printed address of the host already shows its original name. A note about the new name would
        // only repeat it.
        let is_redundant = |note: &&Note| note.kind == NoteKind::Renamed && host.addr == host.original;
        for note in host.notes.iter().filter(|note| !is_redundant(note)) {
            self.told("    ", &note.text);
        }
        if let Some(system) = &host.system {
            self.line(&format!("    system = {};", string(system)));
        }
        self.line(&format!("    addr = {};", string(&host.addr)));
        if let Some(user) = &host.user {
            self.line(&format!("    ssh.user = {};", string(user)));
        }
        if let Some(port) = host.port {
            self.line(&format!("    ssh.port = {port};"));
        }
        self.list("    ", "tags", &host.tags);
        self.line("  };");
    }
}

#[cfg(test)]
#[path = "render_tests.rs"]
mod tests;
