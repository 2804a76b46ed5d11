//! The operator's machine: a host of the lab with the key to the others, the command line, and a fleet in
//! `~/fleet`.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::binaries::Binaries;
use crate::checkout;
use crate::command::{Finished, Program};
use crate::guest::Guest;
use crate::seed::Layer;

/// The operator's ids. Fixed, so that files can be placed before the first boot.
const UID: u32 = 1001;

/// How long one command may take, the first evaluation of a fleet included.
const LIMIT: Duration = Duration::from_secs(180);

/// Places what the operator's machine has beyond a host: the user `ada` with the key to the hosts, the
/// programs under test, and in `/srv` what the fleet's inputs point at.
///
/// # Errors
/// A file cannot be written.
pub fn sow(layer: &Layer, binaries: &Binaries, key: &[u8], known_hosts: &str) -> Result<()> {
    let lines = [
        ("etc/passwd", 0o644, format!("ada:x:{UID}:{UID}:Ada:/home/ada:/bin/bash\n")),
        ("etc/group", 0o644, format!("ada:x:{UID}:\n")),
        ("etc/shadow", 0o640, "ada:*:20000:0:99999:7:::\n".to_owned()),
    ];
    for (path, mode, line) in lines {
        // Debian lets only the members of this group talk to the Nix daemon; `deploy` is one already.
        let text = layer.text_below(path)?.replace(":deploy\n", ":deploy,ada\n");
        layer.place(path, (text + &line).as_bytes(), mode, 0)?;
    }
    layer.place("home/ada/.ssh/id_ed25519", key, 0o600, UID)?;
    layer.place("home/ada/.ssh/known_hosts", known_hosts.as_bytes(), 0o600, UID)?;
    programs(layer, binaries)?;
    checkout::copy(layer, "", "srv/nixfleet", 0)?;
    checkout::copy(layer, "checks/fixtures/demo-fleet/", "home/ada/fleet", UID)?;
    Program::new(checkout::path("checks/fixtures/provide-nixpkgs"))
        .arg(layer.path("srv/nixpkgs", 0)?)
        .arg(layer.root().join("usr/bin/busybox"))
        .run()?
        .success()?;
    Ok(())
}

/// `/srv/prebuilt`, which the demo's fleet takes as NixFleet's own packages, and the command line on the
/// search path. Fleets that say nothing of the kind get the same programs from the stand-in for nixpkgs.
fn programs(layer: &Layer, binaries: &Binaries) -> Result<()> {
    for path in [binaries.nixfleet(), binaries.activate()] {
        let bytes = std::fs::read(&path).with_context(|| format!("Failed to read {}", path.display()))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        for place in ["srv/prebuilt/bin", "srv/nixpkgs/prebuilt"] {
            layer.place(&format!("{place}/{name}"), &bytes, 0o755, 0)?;
        }
    }
    for subcommand in
        ["plan", "apply", "rollback", "status", "check", "run", "history", "hosts", "gc", "backups"]
    {
        layer.link(&format!("srv/prebuilt/bin/nixfleet-{subcommand}"), "nixfleet")?;
    }
    layer.link("usr/local/bin/nixfleet", "/srv/prebuilt/bin/nixfleet")
}

/// Who types the commands: the user `ada` on the operator's machine.
#[derive(Clone, Copy, Debug)]
pub struct Operator<'a> {
    guest: &'a Guest,
}

impl<'a> Operator<'a> {
    /// On this guest.
    #[must_use]
    pub const fn new(guest: &'a Guest) -> Self {
        Self { guest }
    }

    /// The machine.
    #[must_use]
    pub const fn guest(&self) -> &'a Guest {
        self.guest
    }

    /// What `ada` types into a shell in `~/fleet`, ready to run.
    ///
    /// # Errors
    /// The machine is down.
    pub fn typed(&self, line: &str) -> Result<Program> {
        self.typed_with(line, "TERM=dumb")
    }

    /// The same, on this process's terminal.
    ///
    /// # Errors
    /// The machine is down.
    pub fn typed_here(&self, line: &str) -> Result<Program> {
        let terminal = std::env::var("TERM").unwrap_or_else(|_| "dumb".to_owned());
        self.typed_with(line, &format!("TERM={terminal}"))
    }

    /// Opens a shell of `ada` in the fleet on our own terminal, and returns its exit code.
    ///
    /// # Errors
    /// The operator's machine is down.
    pub fn shell(self) -> Result<i32> {
        self.typed_here("exec bash --login")?.limit(Duration::MAX).run_here()
    }

    fn typed_with(self, line: &str, terminal: &str) -> Result<Program> {
        let login = ["--user", "ada", "--", "env", "HOME=/home/ada", "USER=ada", "LOGNAME=ada", terminal];
        let script = format!("cd /home/ada/fleet\n{line}");
        let program = self.guest.program("runuser")?.args(login).args(["bash", "-c"]).arg(script);
        Ok(program.called(line).limit(LIMIT))
    }

    /// Runs what `ada` types; the exit code is the last command's.
    ///
    /// # Errors
    /// The machine is down, or the command does not end in time.
    pub fn types(&self, line: &str) -> Result<Finished> {
        self.typed(line)?.run()
    }

    /// Runs what `ada` types, with the one JSON document it prints.
    ///
    /// # Errors
    /// As for [`Self::types`], or standard output is anything but one JSON document.
    pub fn types_for_json(&self, line: &str) -> Result<(Finished, Value)> {
        let finished = self.types(line)?;
        let document =
            serde_json::from_str(&finished.stdout).with_context(|| format!("Not JSON: {finished}"))?;
        Ok((finished, document))
    }

    /// Replaces `from` in a file of the fleet, as with an editor. It has to occur exactly once.
    ///
    /// # Errors
    /// It does not, or the file cannot be written.
    pub fn edits(&self, file: &str, from: &str, to: &str) -> Result<()> {
        let path = format!("/home/ada/fleet/{file}");
        let files = self.guest.files()?;
        let text = files.text(&path)?;
        match text.matches(from).count() {
            1 => files.write(&path, text.replace(from, to)),
            count => bail!("{path} has `{from}` {count} times, not once"),
        }
    }

    /// A `flake.lock` for flakes with the inputs that users write: without a network, `nixpkgs` and
    /// `nixfleet` are found in `/srv`.
    ///
    /// # Errors
    /// Nix cannot hash them.
    pub fn offline_lock(&self) -> Result<String> {
        let locked = |name: &str| -> Result<Value> {
            let path = format!("/srv/{name}");
            let hash = self.types(&format!("nix hash path {path}"))?.success()?;
            Ok(json!({ "type": "path", "path": path, "narHash": hash.line() }))
        };
        let lock = json!({
            "version": 7,
            "root": "root",
            "nodes": {
                "root": { "inputs": { "nixpkgs": "nixpkgs", "nixfleet": "nixfleet" } },
                "nixpkgs": {
                    "locked": locked("nixpkgs")?,
                    "original": { "type": "github", "owner": "NixOS", "repo": "nixpkgs",
                      "ref": "nixos-unstable" },
                },
                "nixfleet": {
                    "inputs": { "nixpkgs": ["nixpkgs"] },
                    "locked": locked("nixfleet")?,
                    "original": { "type": "github", "owner": "nixfleet", "repo": "nixfleet" },
                },
            },
        });
        serde_json::to_string_pretty(&lock).context("Failed to write a lock file")
    }

    /// Puts the fleet back as the checkout has it.
    ///
    /// # Errors
    /// The machine is down.
    pub fn resets_fleet(&self) -> Result<()> {
        self.types("rm -rf ./* && cp -r /srv/nixfleet/checks/fixtures/demo-fleet/. .")?.success()?;
        Ok(())
    }
}
