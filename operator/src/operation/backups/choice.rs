//! The selection of backups by path, age and kind. This module does no I/O.

use std::collections::BTreeSet;

use globset::{GlobBuilder, GlobMatcher};
use nixfleet_contract::backup::{Backup, BackupReason, Backups};
use nixfleet_contract::problem::{Code, Problem};

/// A set of absolute paths, which may contain wildcards.
#[derive(Clone, Debug)]
pub struct BackupPaths(Vec<GlobMatcher>);

impl BackupPaths {
    /// Parses patterns in which `*` and `?` do not match a slash, and `**` matches any number of directories.
    ///
    /// # Errors
    /// Fails if a pattern is malformed, or is not an absolute path.
    pub fn of(patterns: &[String]) -> Result<Self, Problem> {
        let malformed = |pattern: &String, why: String| {
            Problem::new(Code::Usage, "the path of the backup is not valid")
                .at(pattern)
                .because(why)
                .help("write an absolute path, or a pattern such as '/etc/nginx/*.conf'")
        };
        let matcher = |pattern: &String| {
            if !pattern.starts_with('/') {
                return Err(malformed(pattern, "it does not start with a slash".to_owned()));
            }
            let plain = pattern.trim_end_matches('/');
            let glob = GlobBuilder::new(plain).literal_separator(true).build();
            glob.map(|glob| glob.compile_matcher()).map_err(|error| malformed(pattern, error.to_string()))
        };
        patterns.iter().map(matcher).collect::<Result<_, _>>().map(Self)
    }

    /// Whether there are no patterns.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a path, or one of the directories above it, matches a pattern.
    #[must_use]
    pub fn mean(&self, path: &str) -> bool {
        let ends = path.match_indices('/').skip(1).map(|(at, _)| at).chain([path.len()]);
        ends.into_iter().any(|end| self.0.iter().any(|glob| glob.is_match(&path[..end])))
    }
}

/// The rules that decide which backups are dropped.
#[derive(Clone, Debug)]
pub struct Choice {
    /// The paths whose backups are dropped. If empty, the backups of every path are dropped if `all` or
    /// `older_than` is set, and otherwise no backups are dropped.
    pub paths: BackupPaths,
    /// The minimum age of the backups to drop, in seconds.
    pub older_than: Option<u64>,
    /// Whether to drop the backups of every path if `paths` is empty.
    pub all: bool,
    /// The paths whose originals are dropped even if they are still needed. An original is the backup from
    /// before NixFleet managed the path, and is restored when the path is no longer declared.
    pub originals: BTreeSet<String>,
}

/// The backups of a host that match a [`Choice`]: the backups to drop, and the backups to spare because
/// NixFleet still needs them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chosen {
    /// The backups to drop.
    pub drop: Vec<Backup>,
    /// The backups that match but are not dropped, because NixFleet restores them when it no longer manages
    /// their paths.
    pub spared: Vec<Backup>,
}

impl Choice {
    /// Chooses which backups of a host to drop.
    #[must_use]
    pub fn among(&self, backups: &Backups) -> Chosen {
        let mut chosen = Chosen::default();
        for backup in &backups.backups {
            let is_named = backup.kind == BackupReason::Original && self.originals.contains(&backup.path);
            if is_named || (self.means(backup, backups.at) && !backup.needed) {
                chosen.drop.push(backup.clone());
            } else if self.means(backup, backups.at) {
                chosen.spared.push(backup.clone());
            }
        }
        chosen
    }

    fn means(&self, backup: &Backup, now: u64) -> bool {
        let of_path = if self.paths.is_empty() {
            self.all || self.older_than.is_some()
        } else {
            self.paths.mean(&backup.path)
        };
        of_path && self.older_than.is_none_or(|age| now.saturating_sub(backup.since) >= age)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn backups() -> Backups {
        let backup = |kind, path, since, needed: bool| {
            let place = format!("/var/lib/nixfleet/{path}{since}");
            json!({
                "kind": kind, "path": path, "place": place, "since": since, "size": 1, "mode": "0644",
                "needed": needed,
            })
        };
        let all = [
            backup("original", "/etc/motd", 10, true),
            backup("hand-edit", "/etc/motd", 50, false),
            backup("hand-edit", "/etc/nginx/conf.d/a.conf", 20, false),
            backup("hand-edit", "/etc/nginx/nginx.conf", 90, false),
            backup("original", "/srv/old", 5, false),
        ];
        serde_json::from_value(json!({ "schema": 1, "at": 100, "backups": all })).unwrap()
    }

    fn choice(paths: &[&str]) -> Choice {
        let paths: Vec<String> = paths.iter().map(ToString::to_string).collect();
        let paths = BackupPaths::of(&paths).unwrap();
        Choice { paths, older_than: None, all: false, originals: BTreeSet::new() }
    }

    fn names(backups: &[Backup]) -> Vec<String> {
        backups.iter().map(|backup| format!("{}@{}", backup.path, backup.since)).collect()
    }

    fn dropped(choice: &Choice) -> Vec<String> {
        names(&choice.among(&backups()).drop)
    }

    #[test]
    fn a_path_means_what_is_below_it_and_a_star_no_slash() {
        let nginx = ["/etc/nginx/conf.d/a.conf@20", "/etc/nginx/nginx.conf@90"];
        for all_of_nginx in ["/etc/nginx", "/etc/nginx/", "/etc/nginx/**", "/etc/ng*"] {
            assert_eq!(dropped(&choice(&[all_of_nginx])), nginx, "{all_of_nginx}");
        }
        assert_eq!(dropped(&choice(&["/etc/nginx/*.conf"])), nginx[1..]);
        assert_eq!(dropped(&choice(&["/etc/ngin"])), [""; 0]);
        for bad in ["etc/motd", "*", "/etc/[", ""] {
            assert!(BackupPaths::of(&[bad.to_owned()]).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_original_that_is_needed_goes_only_by_its_very_path() {
        let all = Choice { all: true, ..choice(&[]) };
        let chosen = all.among(&backups());
        assert_eq!(chosen.drop.len(), 4);
        assert_eq!(names(&chosen.spared), ["/etc/motd@10"]);
        let named = Choice { originals: BTreeSet::from(["/etc/motd".to_owned()]), ..choice(&[]) };
        assert_eq!(dropped(&named), ["/etc/motd@10"], "and nothing else");
        let pattern = Choice { originals: BTreeSet::from(["/etc/*".to_owned()]), ..choice(&[]) };
        assert_eq!(dropped(&pattern), [""; 0]);
    }

    #[test]
    fn an_age_narrows_down_the_paths() {
        let old = Choice { older_than: Some(60), ..choice(&[]) };
        assert_eq!(dropped(&old), ["/etc/nginx/conf.d/a.conf@20", "/srv/old@5"]);
        let old_of_path = Choice { older_than: Some(60), ..choice(&["/srv"]) };
        assert_eq!(dropped(&old_of_path), ["/srv/old@5"]);
        // If the clock of the host was set back, no backup counts as old.
        let early = Backups { at: 0, ..backups() };
        assert_eq!(old.among(&early).drop, []);
    }
}
