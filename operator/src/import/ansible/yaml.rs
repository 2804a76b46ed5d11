//! Reads inventories in Ansible's YAML format.

use nixfleet_contract::problem::Problem;

use super::inventory::Inventory;
use super::node::{self, Node, NodeKind};
use super::sources::EXPORT;
use super::variable::{Value, Variable, Variables};
use crate::import::files::bad;
use crate::import::note::{Note, NoteKind, Place};

/// Reads the text of an inventory file in the YAML format, and adds its groups and hosts to `inventory`.
/// `file` is the name of the file in messages.
///
/// # Errors
/// The text is not YAML, or not an inventory.
pub fn read(text: &str, file: &str, inventory: &mut Inventory, notes: &mut Vec<Note>) -> Result<(), Problem> {
    let root = node::parse(text, file)?;
    let place = Place::line(file, root.line);
    match &root.kind {
        NodeKind::Set(_) => {}
        NodeKind::Null => return Ok(()),
        NodeKind::List(_) => {
            return Err(bad(&place, "the file is a list, not an inventory")
                .because("a playbook is a list; an inventory is a set of groups")
                .help("name the inventory, such as hosts.yml"));
        }
        NodeKind::Scalar(_) | NodeKind::Encrypted => {
            return Err(bad(&place, "the file is not an inventory").because("it is not a set of groups"));
        }
    }
    let groups = root.entries();
    if let Some((_, plugin)) = groups.iter().find(|(name, _)| *name == "plugin") {
        let named = plugin.text().unwrap_or("unknown");
        return Err(bad(&place, "the hosts come from a plugin of Ansible")
            .because(format!("the file configures the plugin {}", crate::text::one_line(named)))
            .help(EXPORT));
    }
    let mut reader = Reader { file, inventory, notes };
    let mut todo: Vec<(&str, &Node)> = groups;
    // A child group may have children itself. The loop adds the children of each group to `todo`, so that no
    // recursion is necessary.
    while let Some((name, node)) = todo.pop() {
        todo.extend(reader.group(name, node)?);
    }
    Ok(())
}

struct Reader<'r> {
    file: &'r str,
    inventory: &'r mut Inventory,
    notes: &'r mut Vec<Note>,
}

impl Reader<'_> {
    /// Reads a group, and returns its child groups, which are not read yet.
    fn group<'n>(&mut self, name: &str, node: &'n Node) -> Result<Vec<(&'n str, &'n Node)>, Problem> {
        let place = self.at(node);
        if name.is_empty() {
            return Err(bad(&place, "a group has no name"));
        }
        self.inventory.define(name);
        let mut children = Vec::new();
        for (section, content) in self.set(node, &format!("the group {name}"))? {
            match section {
                "hosts" => self.hosts(name, content)?,
                "vars" => {
                    let variables = self.variables(content, &format!("the variables of {name}"))?;
                    self.inventory.group(name).inline.extend(variables);
                }
                "children" => {
                    for (child, node) in self.set(content, &format!("the children of {name}"))? {
                        let place = self.at(node);
                        self.inventory.group(name).children.insert(child.to_owned(), place);
                        children.push((child, node));
                    }
                }
                other => {
                    let text =
                        format!("group {name}: {other} (only hosts, children and vars belong to a group)");
                    self.notes.push(Note::new(NoteKind::Check, text).at(&self.at(content)));
                }
            }
        }
        Ok(children)
    }

    fn hosts(&mut self, group: &str, node: &Node) -> Result<(), Problem> {
        let place = self.at(node);
        // Ansible accepts the name of a single host instead of a set of hosts.
        if let Some(name) = node.text() {
            return self.inventory.add_hosts(group, name, &Variables::new(), &place);
        }
        for (pattern, variables) in self.set(node, &format!("the hosts of {group}"))? {
            let place = self.at(variables);
            let variables = self.variables(variables, &format!("the variables of the host {pattern}"))?;
            self.inventory.add_hosts(group, pattern, &variables, &place)?;
        }
        Ok(())
    }

    fn variables(&self, node: &Node, noun: &str) -> Result<Variables, Problem> {
        self.set(node, noun)?;
        Ok(variables(node, self.file))
    }

    /// Returns the entries of a set. A missing value counts as an empty set. `noun` names the set in
    /// messages.
    fn set<'n>(&self, node: &'n Node, noun: &str) -> Result<Vec<(&'n str, &'n Node)>, Problem> {
        let found = match &node.kind {
            NodeKind::Set(_) => return Ok(node.entries()),
            NodeKind::Null => return Ok(Vec::new()),
            NodeKind::List(_) => "a list",
            NodeKind::Scalar(_) | NodeKind::Encrypted => "a text",
        };
        let noun = crate::text::one_line(noun);
        Err(bad(&self.at(node), format!("{noun} must be a set, but it is {found}"))
            .help("write each name followed by a colon, without a hyphen before it"))
    }

    fn at(&self, node: &Node) -> Place {
        Place::line(self.file, node.line)
    }
}

/// Converts the entries of a set into variables.
pub fn variables(node: &Node, file: &str) -> Variables {
    let variable = |node: &Node| {
        let value = match &node.kind {
            NodeKind::Scalar(text) => Value::Text(text.clone()),
            NodeKind::Null => Value::Nothing,
            NodeKind::Encrypted => Value::Encrypted,
            NodeKind::List(items) => Value::List(items.len()),
            NodeKind::Set(entries) => Value::Set(entries.len()),
        };
        Variable { value, place: Place::line(file, node.line) }
    };
    node.entries().into_iter().map(|(name, node)| (name.to_owned(), variable(node))).collect()
}
