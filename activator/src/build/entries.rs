//! Compiles the directories, files, links and absent paths of an intent to entries of a manifest.

use std::fs;
use std::path::Path;

use nixfleet_contract::intent::{Absent, Directory, File, Link};
use nixfleet_contract::manifest::{AbsentEntry, Access, Entry, FileEntry, LinkEntry};
use nixfleet_contract::values::{Invalid, ManagedPath, Reserved, Source, UnitName, hidden};

use super::compile::Compiler;
use crate::digest;

/// The maximum length of the target of a symbolic link, in bytes: `PATH_MAX` without the terminating zero
/// byte.
const LONGEST_TARGET: usize = 4095;

impl<'a> Compiler<'a> {
    pub(super) fn directory(&mut self, directory: &Directory) {
        let option = format!("nixfleet.directories.{:?}", directory.path);
        let path = self.parse(&option, &directory.path);
        let access = self.access(&option, &directory.mode, &directory.owner, &directory.group);
        if let (Some(path), Some(access)) = (path, access) {
            self.insert(option, path, Entry::Directory(access));
        }
    }

    pub(super) fn file(&mut self, file: &'a File) {
        let option = format!("nixfleet.files.{:?}", file.path);
        let path = self.parse(&option, &file.path);
        let access = self.access(&option, &file.mode, &file.owner, &file.group);
        let content = self.content(&option, file);
        let restart_units = self.unit_names(&option, "restartUnits", &file.restart_units);
        let reload_units = self.unit_names(&option, "reloadUnits", &file.reload_units);
        if let Some(argv) = &file.validate
            && (argv.first().is_none_or(String::is_empty) || !argv.iter().any(|word| word.contains("%s")))
        {
            let what = "the validation command has no program, or has no %s for the path of the staged file";
            self.reject(
                format!("{option}.validate"),
                what,
                "write the command in the form [ \"visudo\" \"-cf\" \"%s\" ]",
            );
        }
        if let Some(argv) = &file.on_change
            && !argv.first().is_some_and(|program| program.starts_with('/'))
        {
            let what = "the onChange command does not start with the absolute path of a program";
            self.reject(
                format!("{option}.onChange"),
                what,
                "write the command in the form [ \"/usr/sbin/newaliases\" ]",
            );
        }
        let (Some(path), Some(access), Some(content)) = (path, access, content) else { return };
        let entry = FileEntry {
            source: content.source,
            sha256: content.sha256,
            size: content.size,
            access,
            restart_units,
            reload_units,
            on_change: file.on_change.clone().unwrap_or_default(),
            validate: file.validate.clone(),
            on_conflict: file.on_conflict,
        };
        self.insert(option, path, Entry::File(entry));
    }

    pub(super) fn link(&mut self, link: &Link) {
        let option = format!("nixfleet.links.{:?}", link.path);
        let path = self.parse(&option, &link.path);
        let target = format!("{option}.target");
        self.visible(&target, &link.target);
        if link.target.is_empty() || link.target.contains('\0') || link.target.len() > LONGEST_TARGET {
            self.reject(
                target,
                "the target of the link is empty, too long or contains a zero byte",
                "set the target to a path",
            );
        }
        if let Some(path) = path {
            let entry = LinkEntry { target: link.target.clone(), on_conflict: link.on_conflict };
            self.insert(option, path, Entry::Link(entry));
        }
    }

    pub(super) fn absent(&mut self, absent: &Absent) {
        let option = format!("nixfleet.absent.{:?}", absent.path);
        let restart_units = self.unit_names(&option, "restartUnits", &absent.restart_units);
        let reload_units = self.unit_names(&option, "reloadUnits", &absent.reload_units);
        let Some(path) = self.parse::<ManagedPath>(&option, &absent.path) else { return };
        let kept = match Reserved::below(&path) {
            Some(place) if Reserved::at(&path).is_none() => Some(format!("it contains {place}")),
            _ if path.parent().is_none() => Some("it is directly below /".to_owned()),
            _ => None,
        };
        if let Some(why) = kept {
            return self.reject(
                option,
                format!("{path} cannot be declared as absent: {why}"),
                "declare paths in it as absent instead",
            );
        }
        let (recursive, on_conflict) = (absent.recursive, absent.on_conflict);
        let entry = AbsentEntry { recursive, restart_units, reload_units, on_conflict };
        self.insert(option, path, Entry::Absent(entry));
    }

    fn unit_names(&mut self, option: &str, field: &str, names: &[String]) -> Vec<UnitName> {
        names.iter().filter_map(|name| self.parse(format!("{option}.{field}"), name)).collect()
    }

    /// Adds an entry. Rejects the entry if its path is reserved or declared twice.
    pub(super) fn insert(&mut self, option: String, path: ManagedPath, entry: Entry) {
        self.visible(&option, &path);
        if let Some(reserved) = Reserved::at(&path) {
            return self.problems.push(reserved.refuses(&path).at(option));
        }
        if let Some(other) = self.origins.get(&path) {
            let what = format!("{path} is declared twice");
            let options = format!("{other}, {option}");
            self.reject(options, what, "remove one of the two declarations");
            return;
        }
        self.origins.insert(path.clone(), option);
        self.entries.insert(path, entry);
    }

    /// Rejects a path that contains an invisible character.
    pub(super) fn visible(&mut self, option: &str, path: &str) {
        if let Some(hidden) = hidden(path) {
            let what = format!("the path contains the invisible character {}", hidden.escape_unicode());
            self.reject(option, what, "remove the character from the path");
        }
    }

    /// Adds an inline text to the contents of the closure. Returns its source.
    pub(super) fn inline(&mut self, text: &'a str) -> ContentSource {
        let sha256 = digest::of(text);
        self.texts.insert(sha256.clone(), text);
        ContentSource { source: Source::of_text(&sha256), sha256, size: text.len() as u64 }
    }

    pub(super) fn access(&mut self, option: &str, mode: &str, owner: &str, group: &str) -> Option<Access> {
        let mode = self.parse(format!("{option}.mode"), mode);
        let owner = self.parse(format!("{option}.owner"), owner);
        let group = self.parse(format!("{option}.group"), group);
        Some(Access { mode: mode?, owner: owner?, group: group?, list: false })
    }

    fn content(&mut self, option: &str, file: &'a File) -> Option<ContentSource> {
        match (&file.text, &file.source) {
            (Some(text), None) => Some(self.inline(text)),
            (None, Some(source)) => self.source(&format!("{option}.source"), source),
            _ => {
                self.reject(option, "exactly one of `text` and `source` must be set", "");
                None
            }
        }
    }

    pub(super) fn source(&mut self, option: &str, source: &str) -> Option<ContentSource> {
        let path = Path::new(source);
        let read = || {
            if !path.is_absolute() {
                return Err("it is not absolute".to_owned());
            }
            let file = fs::File::open(path).map_err(|error| error.to_string())?;
            if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
                return Err("it is not a regular file".to_owned());
            }
            let source = source.parse().map_err(|invalid: Invalid| invalid.to_string())?;
            let (sha256, size) = digest::of_reader(file).map_err(|error| error.to_string())?;
            Ok(ContentSource { source, sha256, size })
        };
        match read() {
            Ok(content) => Some(content),
            Err(why) => {
                self.reject(option, format!("source {source} cannot be used: {why}"), "");
                None
            }
        }
    }
}

/// The source of a file content, with its digest and its length in bytes.
pub(super) struct ContentSource {
    pub(super) source: Source,
    pub(super) sha256: String,
    pub(super) size: u64,
}
