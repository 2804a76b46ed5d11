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
/// the submenus and of the entry, separated by `>`. GRUB cannot find a title that begins with `>`, so the
/// position of such a submenu among its neighbours, counted from 0, takes the place of its title. NixOS gives
/// a generation with specialisations such a submenu.
fn grub_entry(menu: &str, number: u64) -> Option<String> {
    let name = format!(" - Configuration {number}");
    let is_wanted = |title: &str| {
        let rest = title.split_once(&name).map(|(_, rest)| rest.strip_prefix(" - Default").unwrap_or(rest));
        rest.is_some_and(|rest| rest.starts_with(" ("))
    };
    // The open blocks at the current line, outermost first. Each has the name of its submenu (`None` if the
    // block is not a submenu), and the number of entries and submenus seen in it so far.
    let mut blocks: Vec<(Option<String>, usize)> = vec![(None, 0)];
    for line in menu.lines().map(str::trim) {
        let submenu = title(line, "submenu");
        let entry = title(line, "menuentry");
        let (_, position) = blocks.last_mut()?;
        if entry.or(submenu).is_some() {
            *position += 1;
        }
        if let Some(entry) = entry.filter(|title| is_wanted(title)) {
            let above = blocks.iter().filter_map(|(name, _)| name.as_deref());
            return Some(above.chain([entry]).collect::<Vec<_>>().join(">"));
        }
        let named = submenu
            .map(|title| if title.contains('>') { (*position - 1).to_string() } else { title.to_owned() });
        if line.ends_with('{') {
            blocks.push((named, 0));
        } else if line == "}" && blocks.len() > 1 {
            blocks.pop();
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
    Problem::new(Code::System, "the next boot entry could not be set")
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

    /// The menu that install-grub.pl writes for generations with specialisations.
    #[test]
    fn a_generation_with_specialisations_has_a_submenu_of_its_own() {
        let menu = "menuentry \"NixOS - Default\" --class nixos {\n}\n\
                    submenu \"NixOS - All configurations\" --class submenu {\n\
                    menuentry \"NixOS - Configuration 13 (2026-11-30 - 26.05)\" --class nixos {\n}\n\
                    submenu \"> NixOS - Configuration 12 (2026-11-29 - 26.05)\" --class submenu {\n\
                    menuentry \"NixOS - Configuration 12 - Default (2026-11-29 - 26.05)\" --class nixos {\n}\n\
                    menuentry \"NixOS - Configuration 12 - (debug - 2026-11-29 - 26.05)\" {\n}\n}\n\
                    menuentry \"NixOS - Configuration 1 (2026-11-28 - 26.05)\" --class nixos {\n}\n}\n";
        assert_eq!(
            grub_entry(menu, 12).unwrap(),
            "NixOS - All configurations>1>NixOS - Configuration 12 - Default (2026-11-29 - 26.05)"
        );
        for (number, title) in [(13, "13 (2026-11-30 - 26.05)"), (1, "1 (2026-11-28 - 26.05)")] {
            let name = format!("NixOS - All configurations>NixOS - Configuration {title}");
            assert_eq!(grub_entry(menu, number).unwrap(), name);
        }
        assert_eq!(grub_entry(menu, 2), None);
    }
}
