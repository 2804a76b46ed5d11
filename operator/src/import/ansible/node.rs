//! YAML documents as trees, with the line of each value.

use std::collections::HashMap;
use std::rc::Rc;

use nixfleet_contract::problem::Problem;
use saphyr_parser::{Event, Parser, Tag};

use crate::import::files::bad;
use crate::import::note::Place;

/// The maximum number of levels of nested values. A value that an alias repeats counts with all its levels.
/// The limit bounds the recursion when a tree is dropped.
const DEEPEST: usize = 64;
/// The maximum number of nested merges (`<<`). Merges below this level are ignored.
const DEEPEST_MERGE: usize = 3;

/// A value of a YAML document.
#[derive(Debug)]
pub struct Node {
    /// The kind of the value, with its content.
    pub kind: NodeKind,
    /// The line where the value begins, counted from 1.
    pub line: usize,
    /// The number of levels of nested values, including the value itself: 1 for a scalar.
    height: usize,
}

/// The kind of a YAML value, with its content.
#[derive(Debug)]
pub enum NodeKind {
    /// A text, number or truth value, as the document writes it.
    Scalar(String),
    /// A missing value, or `null`.
    Null,
    /// A value that Ansible Vault has encrypted.
    Encrypted,
    /// A list of values.
    List(Vec<Rc<Node>>),
    /// A set of keys with their values, in the order of the document.
    Set(Vec<(Rc<Node>, Rc<Node>)>),
}

/// A list or set whose end was not read yet.
struct Open {
    items: Vec<Rc<Node>>,
    is_set: bool,
    anchor: usize,
    line: usize,
}

/// Parses a text that is one YAML document. Returns [`NodeKind::Null`] if the text has no document.
///
/// # Errors
/// The text is not YAML, has several documents, or is nested too deeply.
pub fn parse(text: &str, file: &str) -> Result<Rc<Node>, Problem> {
    let mut reader = Reader { file, open: Vec::new(), anchors: HashMap::new(), root: None };
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            bad(&Place::line(file, error.marker().line()), "the file is not valid YAML")
                .because(error.info())
                .help("correct the line, or check the indentation of the lines before it")
        })?;
        reader.take(event, span.start.line())?;
    }
    Ok(reader.root.unwrap_or_else(|| Rc::new(Node { kind: NodeKind::Null, line: 1, height: 1 })))
}

struct Reader<'f> {
    file: &'f str,
    open: Vec<Open>,
    anchors: HashMap<usize, Rc<Node>>,
    root: Option<Rc<Node>>,
}

impl Reader<'_> {
    fn take(&mut self, event: Event, line: usize) -> Result<(), Problem> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_plain = style == saphyr_parser::ScalarStyle::Plain;
                let kind = match &tag {
                    Some(tag) if is_vault(tag) => NodeKind::Encrypted,
                    _ if text.starts_with("$ANSIBLE_VAULT") => NodeKind::Encrypted,
                    _ if is_plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL") => NodeKind::Null,
                    Some(_) | None => NodeKind::Scalar(text.into_owned()),
                };
                self.place(Node { kind, line, height: 1 }, anchor)
            }
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor).cloned().ok_or_else(|| {
                    bad(&Place::line(self.file, line), "an alias stands inside of the value that it names")
                })?;
                self.put(node)
            }
            Event::SequenceStart(anchor, _) => self.begin(false, anchor, line),
            Event::MappingStart(anchor, _) => self.begin(true, anchor, line),
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(open) = self.open.pop() else { return Ok(()) };
                let height = 1 + open.items.iter().map(|item| item.height).max().unwrap_or_default();
                let kind =
                    if open.is_set { NodeKind::Set(pairs(open.items)) } else { NodeKind::List(open.items) };
                self.place(Node { kind, line: open.line, height }, open.anchor)
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    fn begin(&mut self, is_set: bool, anchor: usize, line: usize) -> Result<(), Problem> {
        self.open.push(Open { items: Vec::new(), is_set, anchor, line });
        self.check_depth(self.open.len(), line)
    }

    /// Adds a new value to the tree. If the value has an anchor, records the value for later aliases.
    fn place(&mut self, node: Node, anchor: usize) -> Result<(), Problem> {
        let node = Rc::new(node);
        if anchor > 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        self.put(node)
    }

    fn put(&mut self, node: Rc<Node>) -> Result<(), Problem> {
        self.check_depth(self.open.len() + node.height, node.line)?;
        match self.open.last_mut() {
            Some(open) => open.items.push(node),
            None if self.root.is_none() => self.root = Some(node),
            None => {
                return Err(bad(&Place::line(self.file, node.line), "the file has several YAML documents")
                    .help("split the file, one document each"));
            }
        }
        Ok(())
    }

    fn check_depth(&self, depth: usize, line: usize) -> Result<(), Problem> {
        if depth <= DEEPEST {
            return Ok(());
        }
        Err(bad(&Place::line(self.file, line), format!("values are nested more than {DEEPEST} levels deep")))
    }
}

fn is_vault(tag: &Tag) -> bool {
    tag.suffix == "vault" || tag.suffix == "vault-encrypted"
}

/// Converts a list in which keys and values alternate into pairs.
fn pairs(items: Vec<Rc<Node>>) -> Vec<(Rc<Node>, Rc<Node>)> {
    let mut items = items.into_iter();
    std::iter::from_fn(|| Some((items.next()?, items.next()?))).collect()
}

impl Node {
    /// Returns the text of a scalar, or `None` if the value is not a scalar.
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            NodeKind::Scalar(text) => Some(text),
            NodeKind::Null | NodeKind::Encrypted | NodeKind::List(_) | NodeKind::Set(_) => None,
        }
    }

    /// Returns the entries of a set in order, without entries whose key is not a text. Each merge (`<<`) is
    /// replaced by the entries of the merged sets. These entries come before all other entries.
    pub fn entries(&self) -> Vec<(&str, &Node)> {
        let mut entries = Vec::new();
        self.merge_into(&mut entries, DEEPEST_MERGE);
        entries
    }

    fn merge_into<'n>(&'n self, entries: &mut Vec<(&'n str, &'n Self)>, depth: usize) {
        let NodeKind::Set(pairs) = &self.kind else { return };
        let merged = pairs.iter().filter(|(key, _)| key.text() == Some("<<"));
        for (_, value) in merged.filter(|_| depth > 0) {
            match &value.kind {
                NodeKind::List(items) => {
                    // If several sets are merged, the first set takes precedence, so its entries are added
                    // last.
                    for item in items.iter().rev().take(DEEPEST) {
                        item.merge_into(entries, depth - 1);
                    }
                }
                NodeKind::Set(_) => value.merge_into(entries, depth - 1),
                NodeKind::Scalar(_) | NodeKind::Null | NodeKind::Encrypted => {}
            }
        }
        let own = pairs.iter().filter_map(|(key, value)| Some((key.text()?, &**value)));
        entries.extend(own.filter(|(key, _)| *key != "<<"));
    }
}
