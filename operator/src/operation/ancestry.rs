//! Warns about hosts that run a revision of the fleet which the flake does not contain. Another operator may
//! have applied a newer revision to these hosts, and the change would undo it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::context::Context;
use super::host_plan::HostPlan;
use super::planned_change::PlannedChange;
use crate::flake::{Flake, Tree};
use crate::process::Invocation;
use crate::rollout::RolloutOrigin;

/// The time limit of a call of Git.
const LIMIT: Duration = Duration::from_secs(10);
/// The maximum number of hosts that a warning names.
const NAMED: usize = 8;
/// The number of digits of a commit that a warning shows.
const DIGITS: usize = 12;

/// The relation of a commit to the commit to apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    /// The commit is the commit to apply, or one of its ancestors.
    Contained,
    /// The commit is not an ancestor of the commit to apply.
    Other,
    /// The checkout does not have the commit, although it has the whole history of its own commit.
    Missing,
}

/// Warns as [`warn`] does before a saved plan or the rest of a rollout is applied. Does nothing if the
/// checkout of the flake is no longer on this machine.
pub async fn warn_of_origin<T: Send + Sync + 'static>(
    origin: &RolloutOrigin,
    plans: &[HostPlan<PlannedChange<T>>],
    context: &Context,
) {
    // The origin has an absolute path if the flake is on this machine.
    let flake = Flake::find(Some(&origin.flake), Path::new("/")).ok();
    let tree = flake.and_then(|flake| flake.tree);
    warn(tree.as_ref(), origin.revision.as_deref(), plans, context).await;
}

/// Warns if hosts to be changed run a revision that is neither `revision`, the revision to apply, nor one of
/// its ancestors. Does nothing if the flake is not in a Git checkout, or if Git does not answer.
pub async fn warn<T: Send + Sync + 'static>(
    tree: Option<&Tree>,
    revision: Option<&str>,
    plans: &[HostPlan<PlannedChange<T>>],
    context: &Context,
) {
    let (Some(tree), Some(own)) = (tree.filter(|tree| tree.git), revision.and_then(commit)) else { return };
    let mut hosts: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for plan in plans.iter().filter(|plan| plan.is_to_change()) {
        let found = plan.known().and_then(|planned| commit(planned.plan.current_revision.as_deref()?));
        if let Some(found) = found.filter(|found| *found != own) {
            hosts.entry(found).or_default().push(plan.name());
        }
    }
    for (found, hosts) in hosts {
        if let Some(relation) = relation(&tree.root, found, own).await
            && let Some(text) = text(relation, &hosts, found, own)
        {
            context.warn(None, &text);
        }
    }
}

/// Returns the commit of a revision, without the mark of uncommitted changes. Returns `None` for a text that
/// is not a commit: hosts report revisions, and Git must not take such a text for an option.
fn commit(revision: &str) -> Option<&str> {
    let commit = revision.strip_suffix("-dirty").unwrap_or(revision);
    let is_commit = commit.len() >= 7 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_commit.then_some(commit)
}

/// Asks Git for the relation of a commit to the commit to apply; `None` if Git does not answer.
async fn relation(root: &Path, commit: &str, own: &str) -> Option<Relation> {
    let ask = async |arguments: &[&str]| {
        let git = Invocation::new("git", LIMIT).args(["-C"]).args([root]).args(arguments);
        git.run().await.ok()
    };
    let asked = ask(&["merge-base", "--is-ancestor", commit, own]).await?;
    let relation = match asked.status.code()? {
        0 => return Some(Relation::Contained),
        1 => Relation::Other,
        // Git names the commit that it does not find, in any language.
        _ if !asked.stderr_text().contains(commit) => return None,
        _ => Relation::Missing,
    };
    // A CI job often fetches only the newest commits, so older commits or the way to them are missing there.
    let shallow = ask(&["rev-parse", "--is-shallow-repository"]).await?;
    shallow.stdout.starts_with(b"false").then_some(relation)
}

fn text(relation: Relation, hosts: &[&str], found: &str, own: &str) -> Option<String> {
    let why = match relation {
        Relation::Contained => return None,
        Relation::Other => format!("is not an ancestor of {}, the revision to apply", short(own)),
        Relation::Missing => "is missing in this checkout of the flake".to_owned(),
    };
    let more = hosts.len().saturating_sub(NAMED);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    let (named, runs) = (&hosts[..hosts.len().min(NAMED)], if hosts.len() == 1 { "runs" } else { "run" });
    Some(format!(
        "{}{more} {runs} revision {}, which {why}: the change may undo the work of another operator; to prevent \
         this, fetch and merge that revision first",
        named.join(", "),
        short(found),
    ))
}

fn short(commit: &str) -> &str {
    commit.get(..DIGITS).unwrap_or(commit)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// Runs Git in a directory, and returns its output.
    fn git(directory: &Path, arguments: &[&str]) -> String {
        let who = ["-c", "user.name=ada", "-c", "user.email=ada@desk"];
        let output = Command::new("git").arg("-C").arg(directory).args(who).args(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    #[tokio::test]
    async fn only_a_revision_that_the_flake_contains_is_safe_to_replace() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        git(root, &["init", "--quiet"]);
        let make = |name: &str| {
            git(root, &["commit", "--quiet", "--allow-empty", "-m", name]);
            git(root, &["rev-parse", "HEAD"])
        };
        let (older, newer) = (make("older"), make("newer"));
        assert_eq!(relation(root, &older, &newer).await, Some(Relation::Contained));
        assert_eq!(relation(root, &newer, &older).await, Some(Relation::Other));
        let unknown = "91e4e14933412177884eb0b8b54d479dede85f2e";
        assert_eq!(relation(root, unknown, &older).await, Some(Relation::Missing));
        let shallow = tempfile::tempdir().unwrap();
        let origin = format!("file://{}", root.display());
        git(shallow.path(), &["clone", "--quiet", "--depth", "1", &origin, "."]);
        assert_eq!(relation(shallow.path(), &older, &newer).await, None, "the checkout has no older commits");
        let elsewhere = tempfile::tempdir().unwrap();
        assert_eq!(relation(elsewhere.path(), &newer, &older).await, None);
    }

    #[test]
    fn a_warning_names_hosts_and_revisions() {
        let (found, own) =
            ("91e4e14933412177884eb0b8b54d479dede85f2e", "4f2c9d1933412177884eb0b8b54d479dede85f2e");
        assert_eq!(text(Relation::Contained, &["web-1"], found, own), None);
        assert_eq!(
            text(Relation::Other, &["web-1", "web-2"], found, own).unwrap(),
            "web-1, web-2 run revision 91e4e1493341, which is not an ancestor of 4f2c9d193341, the revision to \
             apply: the change may undo the work of another operator; to prevent this, fetch and merge that \
             revision first"
        );
        let many = ["a"; 10];
        assert!(
            text(Relation::Missing, &many, found, own)
                .unwrap()
                .starts_with("a, a, a, a, a, a, a, a and 2 more run")
        );
    }

    #[test]
    fn a_text_that_is_no_commit_is_not_given_to_git() {
        assert_eq!(commit("4f2c9d1-dirty"), Some("4f2c9d1"));
        for text in ["--output=/etc/passwd", "HEAD", "", "4f2c9d1 x", "4f2c"] {
            assert_eq!(commit(text), None, "{text}");
        }
    }
}
