//! Compiles an [`Intent`] to a [`Manifest`], and reports everything in the intent that a host would reject.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::path::Path;
use std::str::FromStr;

use nixfleet_contract::SCHEMA;
use nixfleet_contract::intent::{self, Intent};
use nixfleet_contract::manifest::{Entry, Group, Manifest, Package, User};
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::values::{AccountName, Invalid, ManagedPath, Owner};

/// A manifest, and the inline contents that it refers to.
#[derive(Debug)]
pub struct Closure<'a> {
    /// The manifest.
    pub manifest: Manifest,
    /// The inline contents, by their SHA-256.
    pub texts: BTreeMap<String, &'a str>,
}

/// Checks an intent, and compiles it to a manifest.
///
/// # Errors
/// Fails with every mistake in the intent.
pub fn compile(intent: &Intent) -> Result<Closure<'_>, Vec<Problem>> {
    let mut compiler = Compiler::default();
    compiler.head(intent);
    let groups = compiler.groups(&intent.groups);
    let users = compiler.users(&intent.users);
    for directory in &intent.directories {
        compiler.directory(directory);
    }
    for file in &intent.files {
        compiler.file(file);
    }
    for link in &intent.links {
        compiler.link(link);
    }
    for absent in &intent.absent {
        compiler.absent(absent);
    }
    let units = compiler.units(&intent.units);
    let unit_states = compiler.unit_states(intent);
    let health_checks = compiler.health_checks(&intent.health_checks);
    let nixos = compiler.nixos(intent);
    let apt = compiler.apt(intent);
    compiler.nesting();
    if !compiler.problems.is_empty() {
        return Err(compiler.problems);
    }
    let mut packages: Vec<Package> = intent.packages.clone();
    packages.sort();
    packages.dedup();
    let manifest = Manifest {
        schema: SCHEMA,
        host: intent.host.clone(),
        base: intent.base.clone(),
        system: intent.system.clone(),
        packages,
        groups,
        users,
        entries: compiler.entries,
        units,
        unit_states,
        health_checks,
        max_file_size: intent.max_file_size,
        nixos,
        apt,
    };
    Ok(Closure { manifest, texts: compiler.texts })
}

/// Collects the entries, contents and problems of an intent.
#[derive(Default)]
pub(super) struct Compiler<'a> {
    pub(super) problems: Vec<Problem>,
    pub(super) entries: BTreeMap<ManagedPath, Entry>,
    /// The option that declares each entry. A message about two clashing entries names the option of each.
    pub(super) origins: BTreeMap<ManagedPath, String>,
    pub(super) texts: BTreeMap<String, &'a str>,
}

impl Compiler<'_> {
    /// Records that the value of an option is not valid.
    pub(super) fn reject(&mut self, option: impl Display, what: impl Into<String>, help: &str) {
        let problem = Problem::new(Code::InvalidManifest, what).at(option);
        self.problems.push(if help.is_empty() { problem } else { problem.help(help) });
    }

    /// Parses the value of an option. If the value is not valid, records why.
    pub(super) fn parse<T: FromStr<Err = Invalid>>(&mut self, option: impl Display, text: &str) -> Option<T> {
        match text.parse() {
            Ok(value) => Some(value),
            Err(Invalid(why)) => {
                self.reject(option, why, "");
                None
            }
        }
    }

    fn head(&mut self, intent: &Intent) {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        if intent.host.is_empty() || !intent.host.bytes().all(allowed) {
            let what = format!("host name `{}` is not valid", intent.host.escape_debug());
            self.reject("hosts", what, "use only letters, digits, `-`, `_` and `.`");
        }
        if !Path::new(&intent.activator).is_file() {
            let what = format!("the activator {} is not a file", intent.activator);
            self.reject(
                "activator",
                what,
                "set it to the program itself: `${package}/bin/nixfleet-activate`",
            );
        }
        if let Some(profile) = intent.profile.as_ref().filter(|profile| !Path::new(profile).is_dir()) {
            self.reject("nixfleet.packages", format!("the package profile {profile} is not a directory"), "");
        }
        for package in &intent.packages {
            if !package.path.starts_with('/') {
                let what = format!("package `{}` has no absolute path", package.name);
                self.reject("nixfleet.packages", what, "");
            }
        }
    }

    fn groups(&mut self, groups: &[intent::Group]) -> Vec<Group> {
        let mut seen = Unique::default();
        let mut valid = Vec::new();
        for group in groups {
            let option = format!("nixfleet.groups.{}", group.name);
            seen.check(self, &option, &group.name, group.gid);
            if let Some(name) = self.parse::<AccountName>(&option, &group.name) {
                valid.push(Group { name, gid: group.gid });
            }
        }
        valid.sort_by(|a, b| a.name.cmp(&b.name));
        valid
    }

    fn users(&mut self, users: &[intent::User]) -> Vec<User> {
        let mut seen = Unique::default();
        let mut valid = Vec::new();
        for user in users {
            let option = format!("nixfleet.users.{}", user.name);
            seen.check(self, &option, &user.name, user.uid);
            valid.extend(self.user(&option, user));
        }
        valid.sort_by(|a, b| a.name.cmp(&b.name));
        valid
    }

    fn user(&mut self, option: &str, user: &intent::User) -> Option<User> {
        if user.description.contains(|c: char| c == ':' || c.is_control()) {
            let what =
                "the description contains a `:` or a control character, which /etc/passwd cannot store";
            self.reject(format!("{option}.description"), what, "");
        }
        let name = self.account(option, &user.name);
        let group = self.account(&format!("{option}.group"), &user.group);
        let extra: Vec<_> = user
            .extra_groups
            .iter()
            .map(|extra| self.account(&format!("{option}.extraGroups"), extra))
            .collect();
        let home = self.account_path(&format!("{option}.home"), &user.home);
        let shell = self.account_path(&format!("{option}.shell"), &user.shell);
        let mut extra_groups: Vec<_> = extra.into_iter().collect::<Option<_>>()?;
        extra_groups.sort();
        extra_groups.dedup();
        Some(User {
            name: name?,
            uid: user.uid,
            group: group?,
            extra_groups,
            home: home?,
            create_home: user.create_home,
            shell: shell?,
            system: user.system,
            description: user.description.clone(),
            unstated: user.unstated.clone(),
        })
    }

    /// Parses the name of a user or group. A number is rejected.
    fn account(&mut self, option: &str, text: &str) -> Option<Owner> {
        if text.bytes().all(|b| b.is_ascii_digit()) {
            self.reject(option, format!("`{text}` is a number, but an account name is required"), "");
            return None;
        }
        self.parse(option, text)
    }

    fn account_path<T: FromStr<Err = Invalid>>(&mut self, option: &str, text: &str) -> Option<T> {
        if text.contains(':') {
            self.reject(option, format!("path `{text}` contains a `:`, which /etc/passwd cannot store"), "");
        }
        self.visible(option, text);
        self.parse(option, text)
    }

    /// Rejects an entry below a file, a link or an absent path, and an entry in a directory that other users
    /// can write to.
    fn nesting(&mut self) {
        let mut clashes = Vec::new();
        for path in self.entries.keys() {
            for above in path.ancestors() {
                let (Some(entry), Some(option)) = (self.entries.get(&above), self.origins.get(&above)) else {
                    continue;
                };
                let what = match entry {
                    Entry::Directory(access) if access.is_closed() => continue,
                    Entry::Directory(access) => format!(
                        "directory {above} has mode {}, so other users could replace {path} in it",
                        access.mode
                    ),
                    Entry::File(_) => {
                        format!("{above} is declared as a file, so it cannot be the directory of {path}")
                    }
                    Entry::Absent(_) => {
                        format!("{above} is declared as absent, so {path} cannot be declared in it")
                    }
                    Entry::Link(_) => {
                        format!("{above} is declared as a link, so it cannot be the directory of {path}")
                    }
                };
                clashes.push((format!("{option}, {}", self.origins[path]), what));
            }
        }
        for (options, what) in clashes {
            self.reject(options, what, "");
        }
    }
}

/// The names and ids seen so far, each of which must be unique.
#[derive(Default)]
struct Unique<'a> {
    names: BTreeSet<&'a str>,
    ids: BTreeMap<u32, &'a str>,
}

impl<'a> Unique<'a> {
    fn check(&mut self, compiler: &mut Compiler<'_>, option: &str, name: &'a str, id: Option<u32>) {
        if !self.names.insert(name) {
            compiler.reject(option, format!("`{name}` is defined twice"), "");
        }
        let Some(id) = id else { return };
        // The highest id is reserved: chown(2) takes it as the request to leave the id unchanged.
        if id == 0 || id == u32::MAX {
            compiler.reject(
                option,
                format!("`{name}` cannot have the id {id}"),
                "remove the id, or choose another one",
            );
        }
        if let Some(other) = self.ids.insert(id, name) {
            compiler.reject(option, format!("`{name}` and `{other}` have the same id {id}"), "");
        }
    }
}
