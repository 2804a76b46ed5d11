//! The file with the host keys of a fleet, which the option `hostKeys` names.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nixfleet_contract::fleet::Fleet;
use nixfleet_contract::problem::{Code, Problem};

use crate::flake::{Flake, normal};
use crate::process::Invocation;

/// The time limit of Git.
const GIT: Duration = Duration::from_secs(10);

/// The file with the host keys of a fleet: a JSON object with the key of each host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostKeys {
    path: PathBuf,
    /// Whether Nix sees the file only if Git tracks it.
    git: bool,
}

impl HostKeys {
    /// Finds the file of a fleet, which need not exist yet.
    ///
    /// # Errors
    /// The fleet names no file, the fleet is not on this machine, or the file is outside of the fleet.
    pub fn of(fleet: &Fleet, flake: &Flake) -> Result<Self, Problem> {
        let refuse = |what: &str| Problem::new(Code::Usage, what).at("hostKeys");
        let Some(named) = &fleet.host_keys else {
            return Err(refuse("the fleet has no file for the keys of its hosts")
                .because("a key that you agree to is recorded in a file that the inventory reads")
                .help("add to fleet.nix: hostKeys = ./host-keys.json;"));
        };
        let Some(tree) = &flake.tree else {
            return Err(refuse("the flake is not on this machine, so its host keys cannot be written")
                .at(flake.shown())
                .help("run the command in a checkout of the flake"));
        };
        let outside = || {
            refuse("the file of the host keys is not below the directory of the fleet")
                .because(format!("hostKeys is {named}"))
                .help("write: hostKeys = ./host-keys.json;")
        };
        let named = Path::new(named);
        // A fleet without a flake is evaluated in place, so its path is absolute.
        let below = named.strip_prefix(&tree.directory).unwrap_or(named);
        if below.is_absolute() {
            return Err(outside());
        }
        let below = normal(below).filter(|below| *below != Path::new(""));
        let below = below.ok_or_else(outside)?;
        Ok(Self { path: tree.directory.join(below), git: tree.git })
    }

    /// Returns the path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the keys. A missing file has no keys.
    ///
    /// # Errors
    /// The file cannot be read, or is no object of texts.
    pub fn read(&self) -> Result<BTreeMap<String, String>, Problem> {
        let wrong = |why: String| {
            Problem::new(Code::HostKey, "the file of the host keys cannot be read")
                .at(self.path.display())
                .because(why)
        };
        match std::fs::read(&self.path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeMap::new()),
            Err(error) => Err(wrong(error.to_string())),
        }
    }

    /// Records the keys of hosts, and keeps the keys of all others. The file is replaced at once. In a Git
    /// checkout, a new file is made known to Git, because Nix sees only files that Git tracks.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub async fn record(&self, keys: &[(String, String)]) -> Result<(), Problem> {
        let mut all = self.read()?;
        all.extend(keys.iter().cloned());
        self.write(&all).map_err(|error| {
            Problem::new(Code::HostKey, "the file of the host keys cannot be written")
                .at(self.path.display())
                .because(error)
        })?;
        if self.git {
            self.track().await?;
        }
        Ok(())
    }

    fn write(&self, keys: &BTreeMap<String, String>) -> io::Result<()> {
        let directory = self.path.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::Builder::new()
            .prefix(".host-keys-")
            .permissions(std::fs::Permissions::from_mode(0o644))
            .tempfile_in(directory)?;
        serde_json::to_writer_pretty(&mut file, keys)?;
        file.write_all(b"\n")?;
        file.as_file().sync_all()?;
        file.persist(&self.path).map(drop).map_err(|error| error.error)
    }

    async fn track(&self) -> Result<(), Problem> {
        let directory = self.path.parent().unwrap_or(Path::new("."));
        let git = Invocation::new("git", GIT).args(["-C"]).args([directory]);
        let added = git.args(["add", "--intent-to-add", "--"]).args([&self.path]).run().await;
        let why = match added {
            Ok(output) if output.status.success() => return Ok(()),
            Ok(output) => output.stderr_text(),
            Err(failure) => failure.to_string(),
        };
        Err(Problem::new(Code::HostKey, "the host keys are written, but Git does not track their file")
            .at(self.path.display())
            .because(why)
            .help(format!("run: git add --intent-to-add {}", self.path.display())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fleet(host_keys: Option<&str>) -> Fleet {
        let mut fleet = serde_json::json!({ "schema": 1, "hosts": {} });
        if let Some(file) = host_keys {
            fleet["hostKeys"] = file.into();
        }
        serde_json::from_value(fleet).unwrap()
    }

    #[tokio::test]
    async fn a_recorded_key_leaves_the_keys_of_other_hosts() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("flake.nix"), "{ }").unwrap();
        let flake = Flake::find(None, &directory.path().canonicalize().unwrap()).unwrap();
        let keys = HostKeys::of(&fleet(Some("host-keys.json")), &flake).unwrap();
        assert_eq!(keys.read().unwrap(), BTreeMap::new());
        let key = |host: &str, key: &str| (host.to_owned(), format!("ssh-ed25519 {key}"));
        keys.record(&[key("web-2", "BBBB"), key("web-1", "AAAA")]).await.unwrap();
        keys.record(&[key("web-2", "CCCC")]).await.unwrap();
        let text = std::fs::read_to_string(keys.path()).unwrap();
        expect_test::expect![[r#"
            {
              "web-1": "ssh-ed25519 AAAA",
              "web-2": "ssh-ed25519 CCCC"
            }
        "#]]
        .assert_eq(&text);

        std::fs::write(keys.path(), "[]").unwrap();
        assert_eq!(keys.record(&[key("web-1", "AAAA")]).await.unwrap_err().code, Code::HostKey);
        assert_eq!(std::fs::read_to_string(keys.path()).unwrap(), "[]");
    }

    #[test]
    fn a_fleet_cannot_choose_a_file_elsewhere() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("flake.nix"), "{ }").unwrap();
        let flake = Flake::find(None, &directory.path().canonicalize().unwrap()).unwrap();
        for bad in ["/etc/passwd", "../keys.json", "a/../../keys.json", ""] {
            assert!(HostKeys::of(&fleet(Some(bad)), &flake).is_err(), "{bad}");
        }
        assert!(HostKeys::of(&fleet(None), &flake).unwrap_err().help.unwrap().contains("host-keys.json"));
        let remote = Flake { tree: None, ..flake };
        assert!(HostKeys::of(&fleet(Some("host-keys.json")), &remote).is_err());
    }
}
