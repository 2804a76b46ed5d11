//! A NixOS host that is a directory tree. The systems of the host contain a script in place of
//! `switch-to-configuration`. The script records its arguments, and a test can make it fail.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::{Value, json};

use crate::room::file;
use crate::stand::Stand;

/// The script that takes the place of `switch-to-configuration`. The script fails if the host has a file
/// `/fail-ACTION`, such as `/fail-test`, that contains the name of the system and the exit code. If the exit
/// code is `hang`, the script hangs. If the file contains a third word, the script reports a failed
/// activation of a user in place of a failed unit.
const SWITCH: &str = r#"#!/bin/sh
system=${0%/*/*}
name=${system##*/}
echo "$1 $name${NIXOS_NO_CHECK:+ unchecked}" >> "${system%/*}/said"
lock="@root@/run/nixos/switch-to-configuration.lock"
mkdir -p "${lock%/*}"
flock --nonblock "$lock" true || { echo "Could not acquire lock"; exit 11; }
if [ -e "@root@/fail-$1" ]; then
  read -r whom code users < "@root@/fail-$1"
  if [ "$whom" = "$name" ]; then
    [ "$code" = hang ] && sleep 600
    [ "$1" = test ] && [ "$code" = 4 ] && ln -sfn "$system" "@root@/run/current-system"
    echo "a script says no"
    [ -n "$users" ] && { echo "user activation for eve failed" >&2; exit "$code"; }
    echo "warning: the following units failed: web.service" >&2
    exit "$code"
  fi
fi
case $1 in
  check) ;;
  test)
    [ -e "${system%/*}/etc-of-$name" ] && cp -a "${system%/*}/etc-of-$name/." "@root@/etc"
    # The accounts that an activation creates, and the activator that gives paths to them.
    if [ -e "@root@/accounts-of-$name" ]; then
      stat --format "%u:%g %a" "@root@/srv/existing" > "@root@/before-accounts" 2>/dev/null
      cp "@root@/accounts-of-$name" "@root@/etc/passwd"
      cp "@root@/groups-of-$name" "@root@/etc/group"
      if [ -n "$NIXFLEET_GIVE_OWNERS" ] && [ ! -e "@root@/no-owners" ]; then
        fault=$(cat "@root@/fault-of-owners" 2>/dev/null)
        NIXFLEET_FAULT="$fault" "$NIXFLEET_GIVE_OWNERS" give-owners --root "@root@" || {
          echo "Activation script snippet 'nixfleet-owners' failed (1)"
          [ -e "@root@/failed-units" ] || exit 2
          ln -sfn "$system" "@root@/run/current-system"
          echo "warning: the following units failed: web.service" >&2
          exit 4
        }
      fi
      stat --format "%u:%g %a %n" "@root@"/srv/owned/* > "@root@/when-units-start" 2>/dev/null
    fi
    ln -sfn "$system" "@root@/run/current-system" ;;
  boot)
    entries="@root@/boot/grub/grub.cfg"
    echo 'submenu "NixOS - All configurations" --class submenu {' > "$entries"
    for link in "@root@"/nix/var/nix/profiles/system-*-link; do
      number=${link##*/system-}
      echo "menuentry \"NixOS - Configuration ${number%-link} (26.05)\" --class nixos { $(readlink "$link") }"
    done >> "$entries"
    echo "$system" > "@root@/boot/default" ;;
esac
"#;

/// The script that takes the place of `systemctl list-units`. It lists the units in the file `/failed-units`,
/// as failed units.
const SYSTEMCTL: &str = r#"#!/bin/sh
[ -e "@root@/failed-units" ] || exit 0
while read -r unit; do echo "$unit loaded failed failed A unit"; done < "@root@/failed-units"
"#;

/// The script that takes the place of `bootctl set-oneshot`. It records the name of the entry to boot once,
/// or removes the record if the name is empty.
const BOOTCTL: &str = r#"#!/bin/sh
if [ -z "$2" ]; then rm -f "@root@/boot/oneshot"; else echo "$2" > "@root@/boot/oneshot"; fi
"#;

/// The script that takes the place of `grub-reboot`. It records the entry to boot once, and fails if the menu
/// does not contain this entry.
const GRUB_REBOOT: &str = r#"#!/bin/sh
grep -qF "menuentry \"${1#*>}\"" "@root@/boot/grub/grub.cfg" && echo "$1" > "@root@/boot/oneshot"
"#;

/// The script that takes the place of `grub-editenv - unset next_entry`. It removes the record of the entry
/// to boot once.
const GRUB_EDITENV: &str = r#"#!/bin/sh
[ "$*" = "- unset next_entry" ] && rm -f "@root@/boot/oneshot"
"#;

/// A NixOS host that is a directory tree, and the systems that it can run.
pub struct NixosHost<'s> {
    pub stand: &'s Stand,
    pub store: PathBuf,
}

impl<'s> NixosHost<'s> {
    /// Creates a host that has booted the system `factory`, which is generation 1 of the native profile.
    pub fn new(stand: &'s Stand) -> Self {
        stand.install();
        let host = Self { stand, store: stand.path("/../store") };
        fs::create_dir_all(&host.store).unwrap();
        for directory in ["/boot/grub", "/run", "/proc/sys/kernel/random"] {
            fs::create_dir_all(stand.path(directory)).unwrap();
        }
        stand.write("/etc/NIXOS", "", 0o644);
        let factory = host.system("factory", "k1");
        symlink(&factory, stand.path("/nix/var/nix/profiles/system-1-link")).unwrap();
        symlink("system-1-link", stand.path("/nix/var/nix/profiles/system")).unwrap();
        stand.write("/boot/default", &format!("{}\n", factory.display()), 0o644);
        host.boots();
        host
    }

    /// Creates a NixOS system with the name `name` and the kernel `kernel` in the store of the host.
    pub fn system(&self, name: &str, kernel: &str) -> PathBuf {
        let system = self.store.canonicalize().unwrap().join(name);
        for directory in ["bin", "sw/bin"] {
            fs::create_dir_all(system.join(directory)).unwrap();
        }
        let root = self.stand.root();
        let script = |text: &str| text.replace("@root@", root.to_str().unwrap());
        let programs = [
            ("bin/switch-to-configuration", SWITCH),
            ("sw/bin/systemctl", SYSTEMCTL),
            ("sw/bin/bootctl", BOOTCTL),
            ("sw/bin/grub-reboot", GRUB_REBOOT),
            ("sw/bin/grub-editenv", GRUB_EDITENV),
        ];
        for (path, text) in programs {
            fs::write(system.join(path), script(text)).unwrap();
            fs::set_permissions(system.join(path), fs::Permissions::from_mode(0o755)).unwrap();
        }
        fs::write(system.join("nixos-version"), "26.05").unwrap();
        fs::write(system.join("system"), "x86_64-linux").unwrap();
        fs::write(system.join("init-interface-version"), "systemd 2").unwrap();
        symlink(format!("/nix/store/{kernel}/bzImage"), system.join("kernel")).unwrap();
        system
    }

    /// Creates a NixOS system and builds a host closure with it. The closure also has a managed file that
    /// contains the name of the system.
    pub fn closure(&self, name: &str, kernel: &str, loader: Option<&str>) -> String {
        let toplevel = self.system(name, kernel);
        self.closure_of(name, &toplevel, loader)
    }

    /// Builds a host closure with a NixOS system that exists. The closure has the same managed file as in
    /// [`Self::closure`], with `name` as its content.
    pub fn closure_of(&self, name: &str, toplevel: &Path, loader: Option<&str>) -> String {
        self.stand.closure(
            &format!("closure-{name}"),
            &json!({
                "base": "nixos",
                "nixos": { "toplevel": toplevel, "loader": loader },
                "files": [file("/srv/app/name", Some(name))],
            }),
        )
    }

    /// Restarts the host. The host boots the system that was chosen for one boot, or else its boot default.
    pub fn boots(&self) {
        let stand = self.stand;
        let text = |path: &str| fs::read_to_string(stand.path(path)).ok();
        let once = text("/boot/oneshot").map(|entry| {
            // The entry is, for example, `nixos-generation-2.conf` for systemd-boot, or
            // `NixOS - All configurations>NixOS - Configuration 2 (26.05)` for GRUB.
            let number: String = entry
                .trim_start_matches(|c: char| !c.is_ascii_digit())
                .chars()
                .take_while(char::is_ascii_digit)
                .collect();
            fs::read_link(stand.path(&format!("/nix/var/nix/profiles/system-{number}-link"))).unwrap()
        });
        let _ = fs::remove_file(stand.path("/boot/oneshot"));
        let system = once.unwrap_or_else(|| text("/boot/default").unwrap().trim().into());
        for link in ["/run/current-system", "/run/booted-system"] {
            let _ = fs::remove_file(stand.path(link));
            symlink(&system, stand.path(link)).unwrap();
        }
        let id = fs::read_to_string("/proc/sys/kernel/random/uuid").unwrap();
        stand.write("/proc/sys/kernel/random/boot_id", &id, 0o444);
    }

    pub fn run(&self, arguments: &[&str]) -> Value {
        document(&self.stand.run(arguments, None))
    }

    pub fn apply(&self, closure: &str) -> Value {
        self.run(&["apply", "--closure", closure])
    }

    /// Applies a closure, checks the outcome, and returns the report.
    pub fn applied(&self, closure: &str, outcome: &str) -> Value {
        let report = self.apply(closure);
        assert_eq!(report["outcome"], outcome, "{report:#}");
        report
    }

    pub fn running(&self) -> String {
        self.name(&fs::read_link(self.stand.path("/run/current-system")).unwrap())
    }

    /// Returns the system that the boot loader boots by default.
    pub fn default(&self) -> String {
        self.name(Path::new(fs::read_to_string(self.stand.path("/boot/default")).unwrap().trim()))
    }

    /// Returns the system of the current generation of the native profile.
    pub fn native(&self) -> String {
        self.name(&fs::canonicalize(self.stand.path("/nix/var/nix/profiles/system")).unwrap())
    }

    pub fn name(&self, system: &Path) -> String {
        assert!(system.starts_with(self.store.canonicalize().unwrap()), "{}", system.display());
        system.file_name().unwrap().to_str().unwrap().to_owned()
    }

    /// Returns the running system, the boot default of the boot loader, the current system of the native
    /// profile, and the content of the managed file, which also names a system.
    pub fn ends(&self) -> [String; 4] {
        let managed = fs::read_to_string(self.stand.path("/srv/app/name")).unwrap_or_default();
        [self.running(), self.default(), self.native(), managed]
    }

    /// Returns the phase of the open transaction, or `committed` if there is none.
    pub fn phase(&self) -> String {
        let record = |name: &str| -> Value {
            let text = fs::read(self.stand.path(&format!("/var/lib/nixfleet/{name}"))).unwrap_or_default();
            serde_json::from_slice(&text).unwrap_or_default()
        };
        let journal = record("journal.json");
        if journal.is_null() || journal["transaction"] == record("state.json")["transaction"] {
            return "committed".to_owned();
        }
        journal["phase"].as_str().unwrap().to_owned()
    }

    /// Returns the runs of `switch-to-configuration` since the last call, each as its argument and the name
    /// of the system, such as `test one`.
    pub fn said(&self) -> Vec<String> {
        let path = self.store.join("said");
        let said = fs::read_to_string(&path).unwrap_or_default();
        let _ = fs::remove_file(path);
        said.lines().map(str::to_owned).collect()
    }

    /// Makes a system native generation `number` and the boot default, as a tool such as `nixos-rebuild`
    /// does.
    pub fn installs(&self, system: &Path, number: u64) {
        let profiles = self.stand.path("/nix/var/nix/profiles");
        let link = format!("system-{number}-link");
        symlink(system, profiles.join(&link)).unwrap();
        fs::remove_file(profiles.join("system")).unwrap();
        symlink(&link, profiles.join("system")).unwrap();
        let switch = system.join("bin/switch-to-configuration");
        assert!(std::process::Command::new(switch).arg("boot").status().unwrap().success());
    }

    /// Returns the names of the steps in the plan for a closure.
    pub fn steps(&self, closure: &str) -> Vec<String> {
        let plan = self.run(&["plan", "--target", closure]);
        let steps = plan["steps"].as_array().unwrap();
        steps.iter().map(|step| step["step"].as_str().unwrap().to_owned()).collect()
    }
}

pub fn document(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}
