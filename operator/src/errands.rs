//! Errands are actions that a fleet makes the operator's machine perform besides changing hosts: sending
//! notifications, and running those health checks that run on the operator's machine.
//!
//! Write access to the repository of a fleet is enough to define errands. Errands run with the account and
//! the network of the user who applies the fleet, so errands that are new on this machine are shown to the
//! user.

use std::collections::{BTreeMap, BTreeSet};

use nixfleet_contract::health::{Check, Probe, Side};
use nixfleet_contract::notification::{MessageFormat, Notification};
use nixfleet_contract::problem::Problem;
use nixfleet_contract::step::commands::command_line;
use serde::{Deserialize, Serialize};

use crate::state::{StateDir, file_of, unusable};

/// The directory below the state directory that records errands, with one file for each flake.
const FOLDER: &str = "errands";

/// A set of errands, each described by one line of text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Errands(BTreeSet<String>);

impl Errands {
    /// Collects an errand for each notification, and for each health check that runs on this machine.
    /// `checks` yields health checks, each with the name of its host.
    pub fn of<'a>(
        notifications: &BTreeMap<String, Notification>,
        checks: impl Iterator<Item = (&'a str, &'a Check)>,
    ) -> Self {
        let told = notifications
            .iter()
            .map(|(name, notification)| format!("notification {name}: {}", told(notification)));
        let tried = checks.filter_map(|(host, check)| tried(host, check));
        Self(told.chain(tried).collect())
    }

    /// Returns true if this set contains the errand of a health check, or if the health check is not an
    /// errand because it runs on the host.
    #[must_use]
    pub fn have(&self, host: &str, check: &Check) -> bool {
        tried(host, check).is_none_or(|errand| self.0.contains(&errand))
    }

    /// Returns the text of each errand, in sorted order.
    #[must_use]
    pub fn all(&self) -> Vec<String> {
        self.0.iter().cloned().collect()
    }

    /// Returns those errands of this set that are not yet recorded on this machine for a flake.
    ///
    /// # Errors
    /// The recorded errands cannot be read.
    pub fn new_here(&self, state: &StateDir, flake: &str) -> Result<Vec<String>, Problem> {
        let known = Self::known(state, flake)?;
        Ok(self.0.difference(&known.0).cloned().collect())
    }

    /// Adds these errands to the recorded errands of a flake.
    ///
    /// # Errors
    /// The recorded errands cannot be read or written.
    pub fn record(&self, state: &StateDir, flake: &str) -> Result<(), Problem> {
        let known = Self::known(state, flake)?;
        if self.0.is_subset(&known.0) {
            return Ok(());
        }
        let folder = state.folder(FOLDER)?;
        let all = Self(self.0.union(&known.0).cloned().collect());
        let write = || -> std::io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(&folder)?;
            serde_json::to_writer(&mut file, &all)?;
            file.persist(folder.join(file_of(flake))).map(drop).map_err(|error| error.error)
        };
        write().map_err(|error| unusable(&folder, &error))
    }

    /// Returns the errands recorded for a flake. These errands were shown to the user before an earlier
    /// change of the flake's hosts began.
    ///
    /// # Errors
    /// The recorded errands cannot be read.
    fn known(state: &StateDir, flake: &str) -> Result<Self, Problem> {
        let path = state.path(FOLDER).join(file_of(flake));
        match std::fs::read(&path) {
            // An invalid record counts as empty, so all errands are shown once more.
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).unwrap_or_default()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(unusable(&path, &error)),
        }
    }

    /// Returns the errands recorded on this machine for a flake. If the record cannot be read, the result is
    /// empty, so all errands are shown once more.
    #[must_use]
    pub fn shown_here(flake: &str) -> Self {
        StateDir::find().and_then(|state| Self::known(&state, flake)).unwrap_or_default()
    }
}

/// Describes the errand of a health check, if the check runs on this machine.
fn tried(host: &str, check: &Check) -> Option<String> {
    if check.from == Side::Host {
        return None;
    }
    let what = match &check.probe {
        Probe::Http(http) => {
            let headers: Vec<&str> = http.request_headers.keys().map(String::as_str).collect();
            let with =
                if headers.is_empty() { String::new() } else { format!(", with {}", headers.join(", ")) };
            format!("asks {} {}{with}", http.method.as_str(), http.url)
        }
        Probe::Tcp { host, port } => format!("connects to {host}, port {port}"),
        Probe::Command { command } => format!("runs {}", command_line(command)),
        // The evaluation of a fleet refuses a unit check on this machine, but the closure may have been built
        // by other code.
        Probe::Unit { unit, .. } => format!("looks at {unit} of this machine"),
    };
    Some(format!("health check {} of {host}: {what}", check.name))
}

/// Describes how a notification is delivered.
fn told(notification: &Notification) -> String {
    if notification.kind == MessageFormat::Command {
        return format!("runs {}", command_line(&notification.command));
    }
    let place =
        |plain: Option<&str>, file: Option<&str>, variable: Option<&str>| match (plain, file, variable) {
            (Some(plain), ..) => Some(plain.to_owned()),
            (_, Some(file), _) => Some(format!("what the file {file} holds")),
            (.., Some(variable)) => Some(format!("what the variable {variable} holds")),
            _ => None,
        };
    let Notification { url, url_file, url_env, token_file, token_env, .. } = notification;
    let address = place(url.as_deref(), url_file.as_deref(), url_env.as_deref()).unwrap_or_default();
    let token = place(None, token_file.as_deref(), token_env.as_deref());
    let with = token.map(|token| format!(", and with it {token}")).unwrap_or_default();
    format!("sends messages to {address}{with}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn notification(value: &serde_json::Value) -> Notification {
        let mut all = json!({ "on": ["failure"], "timeout": 10 });
        all.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
        serde_json::from_value(all).unwrap()
    }

    fn check(probe: &serde_json::Value, from: &str) -> Check {
        let mut all = json!({
            "name": "door", "interval": 1, "retries": 0, "timeout": 1, "startDelay": 0, "from": from,
            "onFailure": "rollback",
        });
        all.as_object_mut().unwrap().extend(probe.as_object().unwrap().clone());
        serde_json::from_value(all).unwrap()
    }

    #[test]
    fn all_that_leaves_this_machine_or_runs_on_it_is_named_once() {
        let directory = tempfile::tempdir().unwrap();
        let state = StateDir::at(directory.path());
        let mut notifications = BTreeMap::from([
            ("log".to_owned(), notification(&json!({ "kind": "command", "command": ["/bin/log", "a b"] }))),
            (
                "chat".to_owned(),
                notification(&json!({ "kind": "slack", "urlFile": "~/.chat", "tokenEnv": "TOKEN" })),
            ),
        ]);
        let checks = [
            ("web-1", check(&json!({ "kind": "tcp", "host": "10.0.0.1", "port": 22 }), "operator")),
            ("web-1", check(&json!({ "kind": "tcp", "host": "10.0.0.2", "port": 23 }), "host")),
            ("web-2", check(&json!({ "kind": "command", "command": ["/bin/curl", "a"] }), "operator")),
        ];
        let of = |notifications: &BTreeMap<String, Notification>| {
            Errands::of(notifications, checks.iter().map(|(host, check)| (*host, check)))
        };
        let errands = of(&notifications);
        expect_test::expect![[r#"
            [
                "health check door of web-1: connects to 10.0.0.1, port 22",
                "health check door of web-2: runs /bin/curl a",
                "notification chat: sends messages to what the file ~/.chat holds, and with it what the variable TOKEN holds",
                "notification log: runs /bin/log \"a b\"",
            ]
        "#]]
        .assert_debug_eq(&errands.new_here(&state, "a").unwrap());
        let known = |(host, check): &(&str, Check)| Errands::known(&state, "a").unwrap().have(host, check);
        assert_eq!(checks.each_ref().map(known), [false, true, false]);
        errands.record(&state, "a").unwrap();
        assert_eq!(checks.each_ref().map(known), [true; 3]);
        assert!(errands.new_here(&state, "a").unwrap().is_empty());
        assert_eq!(errands.new_here(&state, "b").unwrap().len(), 4, "another flake");
        // Only the changed errand counts as new for the flake `a`.
        let other = notification(&json!({ "kind": "command", "command": ["/bin/rm", "-r", "x"] }));
        notifications.insert("log".to_owned(), other);
        let changed = of(&notifications);
        assert_eq!(changed.new_here(&state, "a").unwrap(), ["notification log: runs /bin/rm -r x"]);
    }
}
