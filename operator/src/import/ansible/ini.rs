//! Reads inventories in Ansible's INI format.
//!
//! No library for the INI format fits, because only the sections look like INI. The line of a host is a name
//! and any number of `key=value` words, with quotes (`web-1 a=1 b="x y"  # comment`). It may have ranges,
//! which contain `:` and brackets (`web[01:50:2]`), a port (`web-1:2222`), or begin with a bracket
//! (`[fd00::1]:2222`). A line of `[web:children]` has no value, and the values of `[web:vars]` are literals
//! of Python. Libraries for INI (`rust-ini`, `configparser`) merge the lines of one host, and lose the line
//! numbers, which messages need. Of the libraries for Ansible's inventories, `ansible-inventory` 0.1 reads
//! only the output of the program of this name, and `fleets` 0.1 has no line numbers. Only the library
//! `shlex` is used, which splits a line into words as Python's library of the same name does for Ansible.

use std::net::Ipv6Addr;

use nixfleet_contract::problem::Problem;

use super::inventory::Inventory;
use super::literal;
use super::variable::{Variable, Variables};
use crate::import::files::bad;
use crate::import::note::{Note, Place};

/// The name of the group to which the hosts before the first section belong.
const UNGROUPED: &str = "ungrouped";

/// The kind of the lines in a section.
#[derive(Clone, Copy)]
enum Section {
    Hosts,
    Children,
    Variables,
}

/// Reads the text of an inventory file in the INI format, and adds its groups and hosts to `inventory`.
/// `file` is the name of the file in messages.
///
/// # Errors
/// A line is wrong.
pub fn read(text: &str, file: &str, inventory: &mut Inventory, _: &mut Vec<Note>) -> Result<(), Problem> {
    let (mut group, mut section) = (UNGROUPED.to_owned(), Section::Hosts);
    for (index, line) in text.lines().enumerate() {
        let place = Place::line(file, index + 1);
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(header) = line.strip_prefix('[').filter(|header| !is_address(header)) {
            (group, section) = self::header(header, &place)?;
            match section {
                Section::Hosts | Section::Children => _ = inventory.define(&group),
                Section::Variables => _ = inventory.group(&group).variables_at.get_or_insert(place),
            }
            continue;
        }
        match section {
            Section::Hosts => host(line, &group, &place, inventory)?,
            Section::Children => {
                let child = child(line, &place)?;
                inventory.group(&group).children.insert(child, place);
            }
            Section::Variables => {
                let (name, variable) = variable(line, &place)?;
                inventory.group(&group).inline.insert(name, variable);
            }
        }
    }
    Ok(())
}

/// Whether the text after an opening bracket is an IPv6 address, as in the line `[fd00::1]:2222` of a host.
fn is_address(header: &str) -> bool {
    header.split_once(']').is_some_and(|(inside, _)| inside.parse::<Ipv6Addr>().is_ok())
}

/// Reads the first line of a section without its opening bracket: `name]`, `name:children]` or `name:vars]`.
/// Returns the name of the group, and the kind of the lines that follow.
fn header(header: &str, place: &Place) -> Result<(String, Section), Problem> {
    let wrong = |why: &str| {
        bad(place, "the line of a section is wrong")
            .because(why.to_owned())
            .help("write [NAME], [NAME:children] or [NAME:vars]")
    };
    let (inside, behind) = header.split_once(']').ok_or_else(|| wrong("it has no closing bracket"))?;
    if !matches!(behind.trim_start().chars().next(), None | Some('#' | ';')) {
        return Err(wrong("there is text behind the bracket"));
    }
    let (name, kind) = inside.split_once(':').unwrap_or((inside, "hosts"));
    let name = name.trim();
    if name.is_empty() || name.contains(char::is_whitespace) {
        return Err(wrong("the name of the group is empty, or has spaces"));
    }
    let section = match kind.trim() {
        "hosts" => Section::Hosts,
        "children" => Section::Children,
        "vars" => Section::Variables,
        _ => return Err(wrong("a section contains hosts, children or vars")),
    };
    Ok((name.to_owned(), section))
}

fn host(line: &str, group: &str, place: &Place, inventory: &mut Inventory) -> Result<(), Problem> {
    let line = without_comment(line);
    let words = shlex::split(line).ok_or_else(|| {
        bad(place, "the line of a host cannot be split into words")
            .because("a quotation mark or a backslash has no counterpart")
            .help("put values with spaces in quotes: web-1 name=\"a b\"")
    })?;
    let Some((pattern, rest)) = words.split_first() else { return Ok(()) };
    if pattern.contains('=') {
        return Err(bad(place, "the line of a host begins with a variable")
            .because("a line of a section of hosts is a name, and then its variables")
            .help(
                "begin the line with the name of the host, or put the variable into a section [NAME:vars]",
            ));
    }
    let mut variables = Variables::new();
    for word in rest {
        let Some((name, value)) = word.split_once('=') else {
            return Err(bad(place, "a word in the line of a host is not a variable")
                .because(crate::text::one_line(word))
                .help("write name=value, without spaces around the equals sign"));
        };
        // Ansible removes quotes in the word, too: `name="'a'"` has the value `a`.
        let value = literal::text(value).unwrap_or_else(|| value.to_owned());
        variables.insert(name.to_owned(), Variable::text(&value, place));
    }
    inventory.add_hosts(group, pattern, &variables, place)
}

fn child(line: &str, place: &Place) -> Result<String, Problem> {
    let name = without_comment(line).trim();
    if name.is_empty() || name.contains(char::is_whitespace) || name.contains('=') {
        return Err(bad(place, "a section of children has a line that is no group")
            .because(crate::text::one_line(line))
            .help("write one name of a group on each line"));
    }
    Ok(name.to_owned())
}

fn variable(line: &str, place: &Place) -> Result<(String, Variable), Problem> {
    let Some((name, value)) = line.split_once('=') else {
        return Err(bad(place, "a section of variables has a line without an equals sign")
            .because("every line of such a section is name = value")
            .help("add a value, or move the line into another section"));
    };
    Ok((name.trim().to_owned(), Variable::text(&plain(value.trim()), place)))
}

/// Returns the line without the comment at its end, if there is one. A comment begins at the first `#` that
/// is neither in quotes nor after a backslash.
fn without_comment(line: &str) -> &str {
    let (mut quote, mut is_escaped) = (None, false);
    for (at, letter) in line.char_indices() {
        match (quote, letter) {
            _ if is_escaped => is_escaped = false,
            (None | Some('"'), '\\') => is_escaped = true,
            (None, '#') => return &line[..at],
            (None, '"' | '\'') => quote = Some(letter),
            (Some(open), _) if open == letter => quote = None,
            _ => {}
        }
    }
    line
}

/// Returns the value of a variable, without its quotes and without the comment that follows it.
fn plain(value: &str) -> String {
    literal::text(value).unwrap_or_else(|| {
        let end = value.match_indices('#').map(|(at, _)| at).find(|at| value[..*at].ends_with([' ', '\t']));
        value[..end.unwrap_or(value.len())].trim_end().to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> String {
        let mut inventory = Inventory::default();
        let read = read(text, "hosts", &mut inventory, &mut Vec::new()).and_then(|()| inventory.check());
        read.unwrap_err().to_string()
    }

    #[test]
    fn comments_and_quotes_end_values() {
        assert_eq!(without_comment("web a='x # y' # z"), "web a='x # y' ");
        assert_eq!(without_comment("web a=\\# # z"), "web a=\\# ");
        for (value, expected) in [
            ("\"a # b\" # c", "a # b"),
            ("'a'", "a"),
            ("80 # the port", "80"),
            ("a#b", "a#b"),
            ("\"a\" b", "\"a\" b"),
            ("", ""),
        ] {
            assert_eq!(plain(value), expected);
        }
    }

    #[test]
    fn every_wrong_line_is_refused_with_its_number() {
        for (text, saying) in [
            ("web-1\n\n[web", "hosts:3"),
            ("[web:hostz]", "hosts, children or vars"),
            ("[]", "is empty"),
            ("[web] x", "behind the bracket"),
            ("web-1 a", "not a variable"),
            ("web-1 a='x", "no counterpart"),
            ("ansible_user=ada", "begins with a variable"),
            ("web[3:1]", "ends before it begins"),
            ("[a]\n[a:children]\nb c", "no group"),
            ("[a:children]\nb", "which is no group"),
            ("[a:vars]\nx=1", "belong to no group"),
            ("[a]\n[a:vars]\nx", "without an equals sign"),
            ("[a:children]\nb\n[b:children]\na", "also contains"),
            ("[a:children]\na", "also contains"),
            ("[top:children]\na\n[a:children]\nb\n[b:children]\na", "the group"),
        ] {
            let problem = problem(text);
            for part in ["NF-106", "where: hosts:", saying] {
                assert!(problem.contains(part), "{text:?} says no `{part}`:\n{problem}");
            }
        }
        assert!(problem("[top:children]\na\n[a:children]\nb\n[b:children]\na").contains("hosts:6"));
    }
}
