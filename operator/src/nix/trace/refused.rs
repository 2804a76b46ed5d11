//! Explains why nixpkgs refuses a package. The advice that nixpkgs itself prints is not shown, because it is
//! for `NixOS` and for `nix-env`.

use nixfleet_contract::problem::{Code, Problem};

/// The reasons for which nixpkgs refuses a package. Each reason has the words in the message of nixpkgs, the
/// words for the user, and the setting of nixpkgs that allows the package. In the setting, `NAME` stands for
/// the name of the package, and `FULL` for its name and version.
const REASONS: [(&str, &str, &str); 4] = [
    (
        "has an unfree license",
        "has an unfree license",
        "allowUnfreePredicate = package: builtins.elem (lib.getName package) [ \"NAME\" ];",
    ),
    ("is marked as insecure", "has known vulnerabilities", "permittedInsecurePackages = [ \"FULL\" ];"),
    ("is marked as broken", "is marked as broken", "allowBroken = true;"),
    (
        "is not available on the requested",
        "is not for the system of the host",
        "allowUnsupportedSystem = true;",
    ),
];

/// Converts a message of nixpkgs about a refused package into a problem. Returns `None` for all other
/// messages.
pub fn problem(message: &str) -> Option<Problem> {
    let first = message.lines().next()?;
    if !first.contains("efus") {
        return None;
    }
    let (_, what, setting) = REASONS.iter().find(|(words, ..)| first.contains(words))?;
    let package = package(first)?;
    let setting = setting.replace("NAME", name(package)).replace("FULL", package);
    Some(
        Problem::new(Code::Evaluation, format!("the package {package} {what}"))
            .because(
                "nixpkgs refuses such packages unless its configuration allows them; a flake reads neither \
                 NIXPKGS_ALLOW_UNFREE nor ~/.config/nixpkgs",
            )
            .help(format!("add to fleet.nix, or to hosts.<name>: nixpkgs.config.{setting}")),
    )
}

/// Returns the name and version of the package, which a message of nixpkgs has in quotes.
fn package(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("ackage ")?;
    let quoted = rest.strip_prefix(['\'', '‘'])?;
    quoted.split(['\'', '’']).next().filter(|package| !package.is_empty())
}

/// Removes the version from the name of a package. As in Nix, the version begins after the first hyphen that
/// is not followed by a letter.
fn name(package: &str) -> &str {
    let version = package
        .match_indices('-')
        .find(|(at, _)| package[at + 1..].chars().next().is_some_and(|next| !next.is_ascii_alphabetic()));
    version.map_or(package, |(at, _)| &package[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_option_that_works_here_is_named_for_old_and_new_messages() {
        let old = "Package ‘terraform-1.9.2’ in /x.nix:1 has an unfree license (‘bsl11’), refusing to evaluate.\n\na) …";
        let new = "Refusing to evaluate package \'terraform-1.9.2\' in /x.nix:1 because it has an unfree license (‘bsl11’)\n…";
        for message in [old, new] {
            expect_test::expect![[r#"
                [NF-201] the package terraform-1.9.2 has an unfree license
                  why: nixpkgs refuses such packages unless its configuration allows them; a flake reads neither NIXPKGS_ALLOW_UNFREE nor ~/.config/nixpkgs
                  help: add to fleet.nix, or to hosts.<name>: nixpkgs.config.allowUnfreePredicate = package: builtins.elem (lib.getName package) [ "terraform" ];"#]]
            .assert_eq(&problem(message).unwrap().to_string());
        }
    }

    #[test]
    fn each_reason_has_its_setting_and_other_messages_have_none() {
        let help = |message: &str| problem(message).and_then(|problem| problem.help).unwrap_or_default();
        let insecure = help("Package ‘openssl-1.1.1w’ in /x:1 is marked as insecure, refusing to evaluate.");
        assert!(insecure.ends_with("permittedInsecurePackages = [ \"openssl-1.1.1w\" ];"), "{insecure}");
        let broken = help("Package ‘a-b-2’ in /x:1 is marked as broken, refusing to evaluate.");
        assert!(broken.ends_with("allowBroken = true;"), "{broken}");
        assert_eq!(problem("the file has an unfree license"), None);
        assert_eq!(name("a-b-2"), "a-b");
        assert_eq!(name("jq"), "jq");
    }
}
