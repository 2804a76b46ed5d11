//! Compiles the packages of apt, and checks the keys of package sources.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use nixfleet_contract::apt::declared::{DebconfAnswer, DeclaredPackage, DeclaredPackages, PresentPackage};
use nixfleet_contract::apt::intent::{AnswerIntent, AptIntent, KeyIntent, PackageIntent, PackageState};
use nixfleet_contract::apt::{FirstStart, QuestionType};
use nixfleet_contract::intent::Intent;
use nixfleet_contract::values::PackageName;

use super::compile::Compiler;
use super::openpgp;

impl Compiler<'_> {
    /// Compiles what the intent declares about packages of apt; `None` if it declares nothing.
    pub(super) fn apt(&mut self, intent: &Intent) -> Option<DeclaredPackages> {
        let apt = intent.apt.as_ref()?;
        if intent.base == "nixos" {
            self.reject("nixfleet.apt", "a NixOS host has no apt", "remove nixfleet.apt");
        }
        for key in &apt.keys {
            self.key(key, intent);
        }
        let packages = self.apt_packages(apt);
        self.answers_once(&packages);
        let holds = apt.holds.iter().filter_map(|hold| self.parse("nixfleet.apt.holds", hold)).collect();
        let lock_timeout = apt.lock_timeout.filter(|limit| *limit != DeclaredPackages::LOCK_TIMEOUT);
        let declared = DeclaredPackages { packages, holds, lock_timeout };
        // The time limit alone declares nothing.
        let is_something = !declared.packages.is_empty() || !declared.holds.is_empty();
        is_something.then_some(declared)
    }

    fn apt_packages(&mut self, apt: &AptIntent) -> BTreeMap<PackageName, DeclaredPackage> {
        let mut packages = BTreeMap::new();
        for package in &apt.packages {
            let option = format!("nixfleet.apt.packages.{:?}", package.name);
            let declared = self.apt_package(&option, package);
            let Some(name) = self.parse::<PackageName>(&option, &package.name) else { continue };
            if name.is_protected() && package.state != PackageState::Present {
                let what = format!(
                    "package {name} cannot be removed: the host may need it to boot or to be reached"
                );
                self.reject(
                    &option,
                    what,
                    "remove the declaration; run apt on the host to remove the package",
                );
            }
            if let Some(declared) = declared
                && packages.insert(name, declared).is_some()
            {
                self.reject(&option, format!("package `{}` is declared twice", package.name), "");
            }
        }
        packages
    }

    fn apt_package(&mut self, option: &str, package: &PackageIntent) -> Option<DeclaredPackage> {
        let has_more = package.version.is_some()
            || package.hold
            || package.recommends.is_some()
            || package.start != FirstStart::default()
            || !package.debconf.is_empty();
        match package.state {
            PackageState::Present => {}
            PackageState::Absent | PackageState::Purged if has_more => {
                let what = "a package that should not be installed can have no other option than its state";
                self.reject(option, what, "remove the other options");
                return None;
            }
            PackageState::Absent => return Some(DeclaredPackage::Absent {}),
            PackageState::Purged => return Some(DeclaredPackage::Purged {}),
        }
        let version = match &package.version {
            Some(version) => Some(self.parse(format!("{option}.version"), version)?),
            None => None,
        };
        let mut debconf: Vec<_> =
            package.debconf.iter().filter_map(|answer| self.answer(option, answer)).collect();
        debconf.sort();
        let (hold, recommends, start) = (package.hold, package.recommends, package.start);
        Some(DeclaredPackage::Present(PresentPackage { version, hold, recommends, start, debconf }))
    }

    fn answer(&mut self, option: &str, answer: &AnswerIntent) -> Option<DebconfAnswer> {
        let AnswerIntent { question, kind, value } = answer;
        let option = format!("{option}.debconf.{question:?}");
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"+._/-".contains(&b);
        if !question.contains('/') || !question.bytes().all(allowed) {
            let what = format!("`{}` is not the name of a question of debconf", question.escape_debug());
            self.reject(option, what, "");
            return None;
        }
        if value.contains(char::is_control) {
            self.reject(option, "the answer contains a line break or another control character", "");
            return None;
        }
        // debconf would read the next line as a part of the answer.
        if value.ends_with('\\') {
            self.reject(option, "the answer ends with a backslash", "");
            return None;
        }
        if *kind == QuestionType::Boolean && !["true", "false"].contains(&value.as_str()) {
            self.reject(option, "the answer to a boolean question is neither `true` nor `false`", "");
            return None;
        }
        Some(DebconfAnswer { question: question.clone(), kind: *kind, value: value.clone() })
    }

    /// Refuses two answers to one question, which two packages may share.
    fn answers_once(&mut self, packages: &BTreeMap<PackageName, DeclaredPackage>) {
        let mut answers: BTreeMap<&str, (&PackageName, &DebconfAnswer)> = BTreeMap::new();
        for (name, package) in packages {
            let DeclaredPackage::Present(present) = package else { continue };
            for answer in &present.debconf {
                let (first, given) = *answers.entry(&answer.question).or_insert((name, answer));
                if given != answer {
                    let option = format!("nixfleet.apt.packages.{:?}.debconf.{:?}", &**name, answer.question);
                    let what = format!("{first} declares another answer to the same question");
                    self.reject(option, what, "remove one of the two answers");
                }
            }
        }
    }

    /// Checks that the file of a key has the declared key, and only this key.
    fn key(&mut self, key: &KeyIntent, intent: &Intent) {
        let file = intent.files.iter().find(|file| file.path == key.path);
        let Some(source) = file.and_then(|file| file.source.as_ref()) else {
            return self.reject(&key.option, format!("the key {} is not a file of the intent", key.path), "");
        };
        let bytes = match fs::read(source) {
            Ok(bytes) => bytes,
            Err(error) => {
                return self.reject(&key.option, format!("failed to read {source}: {error}"), "");
            }
        };
        // apt too reads the format of a key from its name.
        let is_armoured = Path::new(&key.path).extension().is_some_and(|extension| extension == "asc");
        match openpgp::fingerprint(&bytes, is_armoured) {
            Ok(found) if found.eq_ignore_ascii_case(&key.fingerprint) => {}
            Ok(found) => self.reject(
                &key.option,
                format!("the key has the fingerprint {found}, but {} is declared", key.fingerprint),
                "ask the owner of the package source which of the two is right",
            ),
            Err(why) => self.reject(
                &key.option,
                format!("the file cannot be the key of a package source: {why}"),
                "export the one key, with `gpg --export --armor FINGERPRINT > app.asc`",
            ),
        }
    }
}

#[cfg(test)]
#[path = "apt_tests.rs"]
mod tests;
