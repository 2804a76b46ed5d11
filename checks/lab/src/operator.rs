//! The operator's machine. It is a guest of the lab with the SSH key for the hosts, the command line, and a
//! fleet in `~/fleet`.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::binaries::Binaries;
use crate::checkout;
use crate::command::{Finished, Program};
use crate::guest::Guest;
use crate::seed::Layer;

/// The user id and the group id of the operator. They are fixed, so that files of this user can be created
/// before the first boot.
const UID: u32 = 1001;

/// The archive with a saved copy of `ada`'s home directory.
const HOME: &str = "/var/lib/home-of-ada.tar";

/// The time limit for one command, including the first evaluation of a fleet.
const LIMIT: Duration = Duration::from_secs(180);

/// Places the files that an operator's machine has in addition to the files of a host, and that are the same
/// in all labs: the account of the user `ada`, the programs under test, the fleet, and the flakes in `/srv`
/// that are the inputs of the fleet.
///
/// # Errors
/// A file cannot be written, or the replacement for nixpkgs cannot be made.
pub fn place_shared(layer: &Layer, binaries: &Binaries) -> Result<()> {
    let lines = [
        ("etc/passwd", 0o644, format!("ada:x:{UID}:{UID}:Ada:/home/ada:/bin/bash\n")),
        ("etc/group", 0o644, format!("ada:x:{UID}:\n")),
        ("etc/shadow", 0o640, "ada:*:20000:0:99999:7:::\n".to_owned()),
    ];
    for (path, mode, line) in lines {
        // On Debian, only members of the group `nix-users` may connect to the Nix daemon. `deploy` is a
        // member already, and `ada` becomes one.
        let text = layer.text_below(path)?.replace(":deploy\n", ":deploy,ada\n");
        layer.place(path, (text + &line).as_bytes(), mode, 0)?;
    }
    programs(layer, binaries)?;
    checkout::copy(layer, "", "srv/nixfleet", 0)?;
    checkout::copy(layer, "checks/fixtures/demo-fleet/", "home/ada/fleet", UID)?;
    checkout::copy(layer, "checks/fixtures/flake-parts/", "srv/flake-parts", 0)?;
    Program::new(checkout::path("checks/fixtures/provide-nixpkgs"))
        .arg(layer.path("srv", 0)?)
        .arg(layer.below(Path::new("usr/bin/busybox")).context("The root filesystem has no busybox")?)
        .run()?
        .success()?;
    Ok(())
}

/// Places the files of the operator's machine that differ between labs: the operator's private SSH key, and
/// the public keys of the hosts.
///
/// # Errors
/// A file cannot be written.
pub fn sow(layer: &Layer, key: &[u8], known_hosts: &str) -> Result<()> {
    layer.place("home/ada/.ssh/id_ed25519", key, 0o600, UID)?;
    layer.place("home/ada/.ssh/known_hosts", known_hosts.as_bytes(), 0o600, UID)
}

/// Places the programs, and links the command line into `PATH`. The demo's fleet has `/srv/prebuilt` as an
/// input, and the stand-in for nixpkgs takes NixFleet's own packages from there. Nix copies and hashes all
/// inputs of a fleet for each evaluation. So `/srv/prebuilt` has only a link to the command line, which is in
/// `/srv/programs`.
fn programs(layer: &Layer, binaries: &Binaries) -> Result<()> {
    let places = [(binaries.nixfleet(), "srv/programs"), (binaries.activate(), "srv/prebuilt/bin")];
    for (path, place) in places {
        let bytes = std::fs::read(&path).with_context(|| format!("Failed to read {}", path.display()))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        layer.place(&format!("{place}/{name}"), &bytes, 0o755, 0)?;
    }
    layer.link("srv/prebuilt/bin/nixfleet", "/srv/programs/nixfleet")?;
    for subcommand in [
        "plan",
        "apply",
        "rollback",
        "status",
        "check",
        "run",
        "history",
        "hosts",
        "bootstrap",
        "host",
        "doctor",
        "forget",
        "gc",
        "backups",
    ] {
        layer.link(&format!("srv/prebuilt/bin/nixfleet-{subcommand}"), "nixfleet")?;
    }
    layer.link("usr/local/bin/nixfleet", "/srv/prebuilt/bin/nixfleet")
}

/// The user `ada`, who types commands on the operator's machine.
#[derive(Clone, Copy, Debug)]
pub struct Operator<'a> {
    guest: &'a Guest,
}

impl<'a> Operator<'a> {
    /// Creates the operator whose machine is this guest.
    #[must_use]
    pub const fn new(guest: &'a Guest) -> Self {
        Self { guest }
    }

    /// Returns the operator's machine.
    #[must_use]
    pub const fn guest(&self) -> &'a Guest {
        self.guest
    }

    /// Returns a program that runs a line as if `ada` typed it into a shell in `~/fleet`.
    ///
    /// # Errors
    /// The operator's machine is down.
    pub fn typed(&self, line: &str) -> Result<Program> {
        self.typed_with(line, "TERM=dumb")
    }

    /// Returns a program as [`Self::typed`] does, but lets the program use the terminal of this process.
    ///
    /// # Errors
    /// The operator's machine is down.
    pub fn typed_here(&self, line: &str) -> Result<Program> {
        let terminal = std::env::var("TERM").unwrap_or_else(|_| "dumb".to_owned());
        self.typed_with(line, &format!("TERM={terminal}"))
    }

    /// Opens a shell of `ada` in `~/fleet` on this process's terminal, and returns its exit code.
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

    /// Runs a line as `ada`. The result has the exit code of the last command in the line.
    ///
    /// # Errors
    /// The operator's machine is down, or the command exceeds its time limit.
    pub fn types(&self, line: &str) -> Result<Finished> {
        self.typed(line)?.run()
    }

    /// Runs a line as `ada`, and returns its result together with the JSON document on its standard output.
    ///
    /// # Errors
    /// The operator's machine is down, the command exceeds its time limit, or standard output is not exactly
    /// one JSON document.
    pub fn types_for_json(&self, line: &str) -> Result<(Finished, Value)> {
        let finished = self.types(line)?;
        let document =
            serde_json::from_str(&finished.stdout).with_context(|| format!("Not JSON: {finished}"))?;
        Ok((finished, document))
    }

    /// Replaces `from` with `to` in a file of the fleet, as the operator does with an editor.
    ///
    /// # Errors
    /// `from` does not occur exactly once, or the file cannot be written.
    pub fn edits(&self, file: &str, from: &str, to: &str) -> Result<()> {
        let path = format!("/home/ada/fleet/{file}");
        let files = self.guest.files()?;
        let text = files.text(&path)?;
        match text.matches(from).count() {
            1 => files.write(&path, text.replace(from, to)),
            count => bail!("{path} has `{from}` {count} times, not once"),
        }
    }

    /// Returns a `flake.lock` for a flake with the inputs `nixpkgs` and `nixfleet`, and with the input
    /// `flake-parts` if `has_flake_parts` is set. With this file, Nix takes all inputs from `/srv` and needs
    /// no network. `flake-parts` is a stand-in.
    ///
    /// # Errors
    /// Nix cannot hash the inputs.
    pub fn offline_lock(&self, has_flake_parts: bool) -> Result<String> {
        let locked = |name: &str| -> Result<Value> {
            let path = format!("/srv/{name}");
            let hash = self.types(&format!("nix hash path {path}"))?.success()?;
            Ok(json!({ "type": "path", "path": path, "narHash": hash.line() }))
        };
        let mut lock = json!({
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
        if has_flake_parts {
            lock["nodes"]["root"]["inputs"]["flake-parts"] = json!("flake-parts");
            lock["nodes"]["flake-parts"] = json!({
                "inputs": { "nixpkgs-lib": ["nixpkgs"] },
                "locked": locked("flake-parts")?,
                "original": { "type": "github", "owner": "hercules-ci", "repo": "flake-parts" },
            });
        }
        serde_json::to_string_pretty(&lock).context("Failed to write a lock file")
    }

    /// Replaces the fleet with the files of the demo's fleet in the checkout. The lock file of the fleet is
    /// kept.
    ///
    /// # Errors
    /// The operator's machine is down.
    pub fn resets_fleet(&self) -> Result<()> {
        self.types("find . -mindepth 1 -maxdepth 1 ! -name flake.lock -exec rm -rf {} + && cp -r /srv/nixfleet/checks/fixtures/demo-fleet/. .")?.success()?;
        Ok(())
    }

    /// Saves a copy of `ada`'s home directory for [`Self::restores_home`].
    ///
    /// # Errors
    /// The operator's machine is down.
    pub fn saves_home(&self) -> Result<()> {
        self.guest.ask(&format!("tar --create --file={HOME} --exclude=ada/.cache --directory=/home ada"))?;
        Ok(())
    }

    /// Kills the processes of `ada`, including the shared SSH connections, removes `ada`'s files in `/tmp`,
    /// and restores the saved home directory. Only the caches of Nix are kept.
    ///
    /// # Errors
    /// The operator's machine is down.
    pub fn restores_home(&self) -> Result<()> {
        let script = format!(
            "pkill -KILL --uid ada; find /tmp -mindepth 1 -maxdepth 1 -user ada -exec rm -rf {{}} +
             find /home/ada -mindepth 1 -maxdepth 1 ! -name .cache -exec rm -rf {{}} +
             exec tar --extract --file={HOME} --directory=/home"
        );
        self.guest.ask(&script)?;
        Ok(())
    }
}
