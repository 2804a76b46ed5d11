//! Metadata of closures from the store of this machine, queried once for all closures.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use nixfleet_contract::problem::{Code, Problem};
use serde::Deserialize;
use tokio::sync::OnceCell;

use super::no_result;
use crate::process::Invocation;

/// The time limit of the query to Nix.
const LIMIT: Duration = Duration::from_secs(600);

/// A store path, with the metadata that another store needs to import it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StorePath {
    /// The store path itself.
    #[serde(default)]
    pub path: String,
    /// The digest of the path's Nix archive, preceded by the name of the hash algorithm, such as `sha256-…`.
    pub nar_hash: String,
    /// The size of the path's Nix archive, in bytes.
    pub nar_size: u64,
    /// The store paths that this path refers to, which may include the path itself.
    pub references: Vec<String>,
    /// The derivation that the path was built from, if it is known.
    #[serde(default)]
    pub deriver: Option<String>,
    /// The signatures of the path.
    #[serde(default)]
    pub signatures: Vec<String>,
    /// The content address of the path, if the name of the path is derived from its content.
    #[serde(default)]
    pub ca: Option<String>,
}

/// The output of `nix path-info --json`. Lix and Nix up to 2.18 write a list. Later versions of Nix write an
/// object that maps each path to its metadata, or to `null` if the store does not have the path.
#[derive(Deserialize)]
#[serde(untagged)]
enum PathInfo {
    List(Vec<StorePath>),
    ByPath(BTreeMap<String, Option<StorePath>>),
}

type Paths = BTreeMap<String, Arc<StorePath>>;

/// A set of closures, and the metadata of their paths. The metadata is queried when it is first needed.
#[derive(Debug, Default)]
pub struct ClosurePaths {
    closures: BTreeSet<String>,
    paths: OnceCell<Result<Paths, Problem>>,
}

impl ClosurePaths {
    /// Creates a set of closures. The store is not queried before the first closure is requested.
    pub fn of(closures: impl IntoIterator<Item = String>) -> Self {
        Self { closures: closures.into_iter().collect(), paths: OnceCell::new() }
    }

    /// Returns all paths of a closure, each after the paths that it refers to.
    ///
    /// # Errors
    /// This closure, or another closure of the set, is missing from the store.
    pub async fn closure(&self, path: &str) -> Result<Vec<Arc<StorePath>>, Problem> {
        let paths = self.paths.get_or_init(|| ask(&self.closures)).await;
        in_order(paths.as_ref().map_err(Clone::clone)?, path)
    }
}

async fn ask(closures: &BTreeSet<String>) -> Result<Paths, Problem> {
    let names = closures.iter().map(String::as_str).collect::<Vec<_>>().join("\n");
    let output = Invocation::new("nix", LIMIT)
        .args(["--extra-experimental-features", "nix-command flakes"])
        .args(["path-info", "--json", "--recursive", "--stdin"])
        .stdin(vec![names.into_bytes().into()])
        .run()
        .await
        .map_err(|failure| no_result(Code::Build, &failure))?;
    if !output.status.success() {
        let stderr = output.stderr_text();
        let why = stderr.lines().find_map(|line| line.strip_prefix("error: ")).unwrap_or(stderr.trim());
        return Err(Problem::new(
            Code::Build,
            "a host closure is no longer in the Nix store of this machine",
        )
        .because(why)
        .help("apply again to rebuild the closure"));
    }
    read(&output.stdout).map_err(|error| {
        Problem::new(Code::Build, "`nix path-info` did not list the paths of the closure").because(error)
    })
}

fn read(json: &[u8]) -> serde_json::Result<Paths> {
    Ok(match serde_json::from_slice(json)? {
        PathInfo::List(list) => list.into_iter().map(|each| (each.path.clone(), Arc::new(each))).collect(),
        PathInfo::ByPath(map) => {
            let known = map.into_iter().filter_map(|(path, known)| Some((path, known?)));
            known.map(|(path, known)| (path.clone(), Arc::new(StorePath { path, ..known }))).collect()
        }
    })
}

/// Returns the paths of a closure, each after the paths that it refers to. The traversal is not recursive,
/// because chains of references may be long.
fn in_order(paths: &Paths, closure: &str) -> Result<Vec<Arc<StorePath>>, Problem> {
    let gone = |path: &str| {
        Problem::new(Code::Build, "`nix path-info` did not list a path of the host closure").at(path)
    };
    let find = |path: &str| paths.get(path).ok_or_else(|| gone(path));
    let (mut order, mut seen) = (Vec::new(), BTreeSet::from([closure]));
    let mut stack = vec![(find(closure)?, 0)];
    while let Some((path, next)) = stack.pop() {
        let Some(reference) = path.references.get(next) else {
            order.push(Arc::clone(path));
            continue;
        };
        stack.push((path, next + 1));
        if seen.insert(reference) {
            stack.push((find(reference)?, 0));
        }
    }
    Ok(order)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(json: &str, closure: &str) -> Vec<String> {
        let paths = read(json.as_bytes()).unwrap();
        in_order(&paths, closure).unwrap().iter().map(|path| path.path.clone()).collect()
    }

    const BY_PATH: &str = r#"{
        "/nix/store/a": { "narHash": "sha256-a", "narSize": 1, "references": ["/nix/store/c", "/nix/store/b"], "ca": null },
        "/nix/store/b": { "narHash": "sha256-b", "narSize": 2, "references": ["/nix/store/b", "/nix/store/c"], "ultimate": true },
        "/nix/store/c": { "narHash": "sha256-c", "narSize": 3, "references": [], "signatures": ["k:s"], "ca": "fixed:r:sha256:x" },
        "/nix/store/d": { "narHash": "sha256-d", "narSize": 4, "references": [] },
        "/nix/store/e": null
    }"#;

    #[test]
    fn every_path_comes_behind_those_it_refers_to() {
        assert_eq!(order(BY_PATH, "/nix/store/a"), ["/nix/store/c", "/nix/store/b", "/nix/store/a"]);
        assert_eq!(order(BY_PATH, "/nix/store/d"), ["/nix/store/d"]);
    }

    #[test]
    fn the_list_of_older_versions_says_the_same() {
        let list = r#"[{"path": "/nix/store/a", "narHash": "sha256:a", "narSize": 1, "references": ["/nix/store/b"]},
                       {"path": "/nix/store/b", "narHash": "sha256:b", "narSize": 1, "references": []}]"#;
        assert_eq!(order(list, "/nix/store/a"), ["/nix/store/b", "/nix/store/a"]);
    }

    #[test]
    fn a_closure_that_is_not_whole_is_refused() {
        let paths = read(BY_PATH.as_bytes()).unwrap();
        assert!(in_order(&paths, "/nix/store/e").is_err());
    }
}
