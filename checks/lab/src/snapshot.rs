//! Snapshots of the state of a host. Tests compare two snapshots of a host to verify that the host has not
//! changed.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::Result;

use crate::guest::Guest;

/// The paths on a host that NixFleet could change, and the units and the accounts of the host. Each entry is
/// stored with its properties.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    entries: BTreeMap<String, String>,
}

/// A script that prints one line for each entry: a key, a tab, and the properties of the entry.
///
/// The script omits entries that change without a change of the host. These are units that depend on logins,
/// on runs of the activator and on the distribution's timers, NixFleet's lock, and the empty directory for
/// staged files. Timers have only a state of activity, and the service that the timer of the demo's fleet
/// starts has no state. Each activation of a NixOS system starts the target `sysinit-reactivation.target`,
/// which has no effect on other units. The script omits the records of the last run and of its health checks
/// too, because they contain the user and the time.
const SURVEY: &str = r#"
for dir in /etc /home /opt /root /srv /usr/local /var/lib/nixfleet /var/lib/web /var/lib/db /nix/var/nix/profiles/nixfleet; do
  [ -e "$dir" ] || continue
  set -- "$dir" -path /var/lib/nixfleet/lock -o -path /var/lib/nixfleet/last.json -o -path /var/lib/nixfleet/checks.json -o -path /var/lib/nixfleet/tx -prune -o
  find "$@" -printf '%p\t%y %m %u:%g %l\n'
  find "$@" -type f -exec sha256sum {} + | sed 's/^\([0-9a-f]*\)  \(.*\)$/\2 content\t\1/'
done
find /nix/var/nix/profiles -maxdepth 1 -name 'system*' -printf '%p\t%l\n'
find /boot /run/current-system /run/booted-system -printf '%p\t%y %l\n' 2>/dev/null
find /boot -type f -exec sha256sum {} + | sed 's/^\([0-9a-f]*\)  \(.*\)$/\2 content\t\1/'
find /nix/store -mindepth 1 -maxdepth 1 -printf 'store %p\t\n'
getent passwd | sed 's/^/user /; s/:/\t/'
"#;

/// A script that prints a line for each unit, except for the units that [`SURVEY`] omits.
pub const UNITS: &str = r#"
systemctl list-units --all --plain --no-legend --type service,socket,timer,target |
  awk '$1 !~ /^(user@|user-runtime-dir@|run-|session-|nix-daemon|nixfleet-run-|systemd-|apt-|man-db|e2scrub|fstrim|sysinit-reactivation[.])/ { print "unit " $1 "\t" ($1 == "web-heartbeat.service" ? "loaded" : $1 ~ /[.]timer$/ ? $3 : $3 "/" $4) }'
"#;

impl Snapshot {
    /// Takes a snapshot of a guest in its current state.
    ///
    /// # Errors
    /// The guest is down.
    pub fn take(guest: &Guest) -> Result<Self> {
        let survey = guest.ask(&format!("{SURVEY}{UNITS}"))?;
        let entries = survey.lines().filter_map(|line| line.split_once('\t'));
        Ok(Self { entries: entries.map(|(key, value)| (key.to_owned(), value.to_owned())).collect() })
    }

    /// Returns the differences of `later` from this snapshot, one per line, or an empty text if there are
    /// none.
    #[must_use]
    pub fn difference(&self, later: &Self) -> String {
        let mut difference = String::new();
        for (key, value) in &self.entries {
            match later.entries.get(key) {
                None => writeln!(difference, "- {key}: {value}").ok(),
                Some(now) if now != value => writeln!(difference, "~ {key}: {value} → {now}").ok(),
                Some(_) => None,
            };
        }
        for (key, value) in later.entries.iter().filter(|(key, _)| !self.entries.contains_key(*key)) {
            writeln!(difference, "+ {key}: {value}").ok();
        }
        difference
    }
}
