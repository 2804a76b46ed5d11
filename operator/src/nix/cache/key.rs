//! The key of an evaluation: a digest of everything on which the result of the evaluation depends.

use serde::Deserialize;
use serde_json::{Value, json};

use super::entry::SCHEMA;
use crate::state::file_of;

/// A digest of everything on which the result of an evaluation depends, and the locked reference of the
/// flake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvalKey {
    file: String,
    reference: String,
}

/// The part of `nix flake metadata --json` that identifies a flake and its inputs.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    /// Nix's own digest of the source and the lock file. It is missing if the source or an input is not
    /// locked. In Nix 2.26, it is always missing for a flake without Git.
    fingerprint: Option<String>,
    /// The revision, if the Git tree has changes that are not committed.
    dirty_revision: Option<String>,
    /// The locked reference of the flake as a URL, with the revision.
    url: String,
    /// The locked reference of the flake: the revision, the hash of the source and the time of the last
    /// change.
    locked: Value,
    /// The locked references of all inputs. If a flag overrides an input, this is the reference from the
    /// flag.
    locks: Value,
}

impl EvalKey {
    /// Returns the key of the evaluations of a flake with the flags `passed`. `metadata` is the output of
    /// `nix flake metadata --json` with the same flags, and `version` is the output of `nix --version`.
    ///
    /// # Errors
    /// The result must not be cached, because another evaluation of the flake may have another result. The
    /// error says why.
    pub fn of(metadata: &[u8], version: &str, system: &str, passed: &[String]) -> Result<Self, &'static str> {
        if !are_pure(passed) {
            return Err("the evaluation may be impure");
        }
        let metadata: Metadata =
            serde_json::from_slice(metadata).map_err(|_| "Nix does not describe the flake")?;
        if !overridden(passed).all(|input| is_remote(&metadata.locks, input)) {
            return Err("an input is replaced by files of this machine, which may change meanwhile");
        }
        // Nix also gives a fingerprint for a tree with uncommitted changes. But the tree may change again
        // while Nix reads it, so the fingerprint may not describe what was evaluated.
        if metadata.dirty_revision.is_some() || is_dirty(&metadata.locked) || is_dirty(&metadata.locks) {
            return Err("the flake or an input has changes that are not committed");
        }
        let Some(fingerprint) = metadata.fingerprint else { return Err("the flake has no fingerprint") };
        let all = json!({
            "schema": SCHEMA,
            "nixfleet": env!("CARGO_PKG_VERSION"),
            "nix": version.trim(),
            "system": system,
            "passed": passed,
            "fingerprint": fingerprint,
            // The fingerprint does not depend on the time of the last change, but an evaluation can read this
            // time.
            "locked": metadata.locked,
            "locks": metadata.locks,
        });
        Ok(Self { file: file_of(&all.to_string()), reference: metadata.url })
    }

    /// Returns the name of the cache file for this key.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Returns the reference of the flake with its revision. An evaluation of this reference reads the
    /// revision of the key, even if somebody changes the tree meanwhile.
    #[must_use]
    pub fn reference(&self) -> &str {
        &self.reference
    }
}

/// Whether an evaluation with these flags is pure. Only flags can make an evaluation impure, because Nix
/// ignores the setting `pure-eval` in `nix.conf` and in the environment. An unknown flag counts as impure.
fn are_pure(passed: &[String]) -> bool {
    let (flags, rest) = passed.as_chunks::<3>();
    let is_pure = |[flag, name, _]: &[String; 3]| match flag.as_str() {
        "--override-input" => true,
        "--option" => name != "pure-eval",
        _ => false,
    };
    rest.is_empty() && flags.iter().all(is_pure)
}

/// Returns the names of the inputs that the flags replace. The names of nested inputs are separated by `/`.
fn overridden(passed: &[String]) -> impl Iterator<Item = &str> {
    let (flags, _) = passed.as_chunks::<3>();
    flags.iter().filter(|[flag, ..]| flag == "--override-input").map(|[_, input, _]| input.as_str())
}

/// Whether an input comes from another machine. Files of this machine can change, be evaluated, and change
/// back, and a key could not tell that they changed. An input that is not in `locks` counts as files.
fn is_remote(locks: &Value, input: &str) -> bool {
    let Some(locked) = node(locks, input).and_then(|node| node.get("locked")) else { return false };
    let is_elsewhere =
        |place: &Value| place.as_str().is_none_or(|url| !url.starts_with(['/', '.']) && !is_file(url));
    locked["type"].as_str().is_some_and(|kind| kind != "path") && is_elsewhere(&locked["url"])
}

/// Whether a URL names files of this machine. A URL may have a prefix, such as `git+file:`.
fn is_file(url: &str) -> bool {
    url.split_once(':').is_some_and(|(scheme, _)| scheme.rsplit('+').next() == Some("file"))
}

/// Returns the node of an input in the lock file. Each step on the way to the input is the name of a node.
/// For an input that follows another input, it is the path of that input.
fn node<'a>(locks: &'a Value, input: &str) -> Option<&'a Value> {
    /// The maximum number of steps. Inputs of a wrong lock file may follow each other in a circle.
    const STEPS: usize = 64;
    let nodes = &locks["nodes"];
    let root = &nodes[locks["root"].as_str()?];
    let mut node = root;
    let mut names: Vec<&str> = input.rsplit('/').collect();
    for _ in 0..STEPS {
        let Some(name) = names.pop() else { return Some(node) };
        match node.get("inputs")?.get(name)? {
            Value::String(name) => node = nodes.get(name)?,
            Value::Array(path) => {
                names.extend(path.iter().rev().map(Value::as_str).collect::<Option<Vec<_>>>()?);
                node = root;
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => return None,
        }
    }
    None
}

/// Whether a JSON document contains, at any depth, the locked reference of a tree with uncommitted changes.
fn is_dirty(locked: &Value) -> bool {
    match locked {
        Value::Object(fields) => fields.contains_key("dirtyRev") || fields.values().any(is_dirty),
        Value::Array(all) => all.iter().any(is_dirty),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The output of `nix flake metadata --json` of Nix 2.26.3 and of Nix 2.34.8, for a committed tree.
    const CLEAN: [&str; 2] = [
        include_str!("../../../tests/nix/2.26/metadata.json"),
        include_str!("../../../tests/nix/2.34/metadata.json"),
    ];

    fn key(metadata: &Value, passed: &[&str]) -> Result<EvalKey, &'static str> {
        let passed: Vec<String> = passed.iter().map(ToString::to_string).collect();
        EvalKey::of(metadata.to_string().as_bytes(), "nix (Nix) 2.26.3\n", "x86_64-linux", &passed)
    }

    fn clean() -> Value {
        serde_json::from_str(CLEAN[0]).unwrap()
    }

    fn with(place: &str, value: Value) -> Value {
        let mut metadata = clean();
        let (parent, name) = place.rsplit_once('/').unwrap();
        metadata.pointer_mut(parent).unwrap()[name] = value;
        metadata
    }

    /// Returns the metadata of the flake if this is the locked reference of its input `inp`.
    fn replaced(locked: &Value) -> Value {
        with("/locks/nodes/inp/locked", locked.clone())
    }

    #[test]
    fn a_committed_tree_has_a_key_with_both_versions_of_nix() {
        for metadata in CLEAN {
            let first = EvalKey::of(metadata.as_bytes(), "nix (Nix) 2.26.3", "x86_64-linux", &[]).unwrap();
            let second = EvalKey::of(metadata.as_bytes(), "nix (Nix) 2.26.3\n", "x86_64-linux", &[]).unwrap();
            assert_eq!(first, second);
            assert_eq!(first.file().len(), 32 + ".json".len());
            let revision = "91e4e14933412177884eb0b8b54d479dede85f2e";
            let reference = format!("git+file:///tmp/f?ref=refs/heads/master&rev={revision}");
            assert_eq!(first.reference(), reference);
        }
    }

    #[test]
    fn everything_that_changes_a_result_changes_the_key() {
        let of =
            |version: &str, system: &str| EvalKey::of(CLEAN[0].as_bytes(), version, system, &[]).unwrap();
        let own = key(&clean(), &[]).unwrap();
        let mut others = vec![
            of("nix (Nix) 2.34.8", "x86_64-linux"),
            of("nix (Nix) 2.26.3", "aarch64-linux"),
            key(&clean(), &["--option", "cores", "2"]).unwrap(),
            key(&replaced(&json!({ "type": "github" })), &["--override-input", "inp", "github:a/b"]).unwrap(),
        ];
        for (place, value) in [
            ("/fingerprint", "0123".into()),
            ("/locked/rev", "0123".into()),
            ("/locked/lastModified", 1.into()),
            ("/locks/nodes/inp/locked/narHash", "sha256-AAAA".into()),
        ] {
            others.push(key(&with(place, value), &[]).unwrap());
        }
        others.push(own);
        let files: BTreeSet<&str> = others.iter().map(EvalKey::file).collect();
        assert_eq!(files.len(), others.len());
    }

    #[test]
    fn a_result_that_may_differ_next_time_has_no_key() {
        let dirty = "the flake or an input has changes that are not committed";
        for place in ["/dirtyRevision", "/locked/dirtyRev", "/locks/nodes/inp/locked/dirtyRev"] {
            assert_eq!(key(&with(place, "0123-dirty".into()), &[]), Err(dirty), "{place}");
        }
        assert_eq!(key(&with("/fingerprint", Value::Null), &[]), Err("the flake has no fingerprint"));
        assert_eq!(key(&json!([]), &[]), Err("Nix does not describe the flake"));
        for passed in [
            &["--impure"][..],
            &["--option", "pure-eval", "false"],
            &["--option", "cores", "2", "--option", "pure-eval", "false"],
            &["--option", "cores", "2", "--impure"],
        ] {
            assert_eq!(key(&clean(), passed), Err("the evaluation may be impure"), "{passed:?}");
        }
    }

    #[test]
    fn an_input_that_is_replaced_by_files_of_this_machine_has_no_key() {
        let files = Err("an input is replaced by files of this machine, which may change meanwhile");
        let flag = |input| ["--override-input", input, "x"];
        for (locked, is_remote) in [
            (json!({ "type": "path", "path": "/tmp/inp2", "narHash": "sha256-AAAA" }), false),
            (json!({ "type": "git", "url": "file:///tmp/inp2", "rev": "0123" }), false),
            (json!({ "type": "git", "url": "/tmp/inp2", "rev": "0123" }), false),
            (json!({ "type": "tarball", "url": "file:///tmp/inp2.tar.gz" }), false),
            (json!({}), false),
            (json!({ "type": "git", "url": "https://example.org/inp2", "rev": "0123" }), true),
            (json!({ "type": "github", "owner": "a", "repo": "b", "rev": "0123" }), true),
        ] {
            let found = key(&replaced(&locked), &flag("inp"));
            assert_eq!(found.is_ok(), is_remote, "{locked}");
            assert!(is_remote || found == files, "{locked}");
        }
        // The lock file of a flake names a directory together with the hash of its content, which Nix checks.
        assert!(key(&clean(), &["--option", "cores", "2"]).is_ok());
        assert_eq!(key(&clean(), &flag("other")), files);

        let nested = json!({
            "inp": { "inputs": { "far": "far", "same": ["near"] } },
            "far": { "locked": { "type": "github" } },
            "near": { "locked": { "type": "path" }, "inputs": { "loop": ["near", "loop"] } },
            "root": { "inputs": { "inp": "inp", "near": "near" } },
        });
        let nested = with("/locks/nodes", nested);
        assert!(key(&nested, &flag("inp/far")).is_ok());
        for input in ["inp/same", "near", "near/loop", "inp/far/none", "inp"] {
            assert_eq!(key(&nested, &flag(input)), files, "{input}");
        }
    }
}
