//! Boot loaders that can boot a NixOS system once and return to the boot default afterwards.

use std::fs;
use std::path::Path;
use std::time::Duration;

use nixfleet_contract::nixos::Loader;
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::values::AbsPath;

use crate::host::{Host, command};

/// The time limit for a tool of a boot loader. The tool writes one small file or EFI variable.
const LIMIT: Duration = Duration::from_secs(60);

/// The menu of GRUB, as NixOS generates it (nixos/modules/system/boot/loader/grub/install-grub.pl).
const GRUB_MENU: &str = "/boot/grub/grub.cfg";

/// Tells the boot loader to boot a native generation at the next boot only. `system`: the NixOS system that
/// contains the tools of the boot loader.
///
/// # Errors
/// [`Code::System`].
pub fn boot_once(host: &Host, loader: Loader, system: &AbsPath, number: u64) -> Result<(), Problem> {
    match loader {
        // NixOS names each menu entry of systemd-boot after the generation of the entry
        // (nixos/modules/system/boot/loader/systemd-boot/systemd-boot-builder.py).
        Loader::SystemdBoot => {
            run(host, system, &["bootctl", "set-oneshot", &format!("nixos-generation-{number}.conf")])
        }
        Loader::Grub => {
            let menu =
                fs::read_to_string(host.path(GRUB_MENU)).map_err(|error| failed(error).at(GRUB_MENU))?;
            let entry = grub_entry(&menu, number).ok_or_else(|| {
                failed(format!("the menu has no entry for generation {number}")).at(GRUB_MENU)
            })?;
            run(host, system, &["grub-reboot", &entry])
        }
    }
}

/// Cancels [`boot_once`]: tells the boot loader to boot the boot default at the next boot. `system`: the
/// NixOS system that contains the tools of the boot loader.
///
/// # Errors
/// [`Code::System`].
pub fn boot_default(host: &Host, loader: Loader, system: &AbsPath) -> Result<(), Problem> {
    match loader {
        Loader::SystemdBoot => run(host, system, &["bootctl", "set-oneshot", ""]),
        Loader::Grub => run(host, system, &["grub-editenv", "-", "unset", "next_entry"]),
    }
}

/// Returns the name of the menu entry of a generation, in the form that `grub-reboot` takes: the titles of
/// the submenus and of the entry, separated by `>`.
fn grub_entry(menu: &str, number: u64) -> Option<String> {
    let wanted = format!(" - Configuration {number} (");
    let mut submenu = None;
    for line in menu.lines().map(str::trim_start) {
        if let Some(title) = title(line, "submenu") {
            submenu = Some(title);
        } else if let Some(title) = title(line, "menuentry").filter(|title| title.contains(&wanted)) {
            return Some(submenu.map_or_else(|| title.to_owned(), |above| format!("{above}>{title}")));
        }
    }
    None
}

/// Returns the title in a line such as `menuentry "NixOS" --class nixos {`.
fn title<'l>(line: &'l str, kind: &str) -> Option<&'l str> {
    let (title, _) = line.strip_prefix(kind)?.trim_start().strip_prefix('"')?.split_once('"')?;
    Some(title)
}

fn run(host: &Host, system: &AbsPath, argv: &[&str]) -> Result<(), Problem> {
    if !host.is_machine() && !cfg!(feature = "fault-injection") {
        return Ok(());
    }
    let Some((tool, arguments)) = argv.split_first() else { return Ok(()) };
    let program = Path::new(&**system).join("sw/bin").join(tool);
    let program = program.to_string_lossy();
    let argv: Vec<&str> = std::iter::once(&*program).chain(arguments.iter().copied()).collect();
    let failed = |why: String| failed(why).at(argv.join(" "));
    let finished = command::run(&argv, LIMIT).map_err(|error| failed(error.to_string()))?;
    if finished.success() { Ok(()) } else { Err(failed(finished.why())) }
}

fn failed(why: impl std::fmt::Display) -> Problem {
    Problem::new(Code::System, "the boot loader could not be told what to boot next")
        .because(why)
        .help("check the boot loader on the host, then apply again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entry_of_a_generation_is_in_the_submenu_of_all_configurations() {
        let menu = "menuentry \"NixOS\" --class nixos --unrestricted {\n  linux x\n}\n\
                    submenu \"NixOS - All configurations\" --class submenu {\n\
                    menuentry \"NixOS - Configuration 12 (2026-11-29 - 26.05)\" --class nixos {\n}\n\
                    menuentry \"NixOS - Configuration 1 (2026-11-28 - 26.05)\" --class nixos {\n}\n}\n";
        assert_eq!(
            grub_entry(menu, 1).unwrap(),
            "NixOS - All configurations>NixOS - Configuration 1 (2026-11-28 - 26.05)"
        );
        assert_eq!(grub_entry(menu, 2), None);
    }
}
