//! Explanations of the codes from 200: evaluation and build.

use super::{Explanation, NOTHING, UsualCause};

pub(super) const EVALUATION: Explanation = Explanation {
    causes: &[
        UsualCause {
            cause: "Options have wrong names or values.",
            remedy: "Correct each option. The error lists all mistakes with file, line and a corrected \
                     example.",
        },
        UsualCause {
            cause: "Git does not track a file of the flake, or the file does not exist.",
            remedy: "Run `git add` for the file, or correct its name.",
        },
        UsualCause {
            cause: "A file of the flake has an error in its Nix code, or throws one.",
            remedy: "Correct the line that the error names. `-v` shows the whole trace of Nix.",
        },
        UsualCause {
            cause: "nixpkgs refuses a package, such as one with an unfree license.",
            remedy: "Add the line `nixpkgs.config` that the error shows.",
        },
        UsualCause {
            cause: "The evaluation used up the memory of this machine.",
            remedy: "Evaluate fewer NixOS hosts at once with `--eval-jobs 1`, or select fewer hosts.",
        },
        UsualCause {
            cause: "An input of the flake cannot be fetched, or the flake cannot be locked.",
            remedy: "Read what Nix says, and correct the input in `flake.nix` or the access to it.",
        },
        UsualCause {
            cause: "The Nix of this machine is older than 2.15, or nixpkgs is older than 22.11.",
            remedy: "Install a newer Nix on this machine, or take a newer nixpkgs. Hosts may have an older \
                     Nix.",
        },
        UsualCause {
            cause: "This `nixfleet` and the modules of NixFleet in the flake come from different releases.",
            remedy: "Take both from the same release. `nix run .#plan` uses the program of the flake.",
        },
    ],
    changed: NOTHING,
    title: "Evaluation and build",
    page: "troubleshooting.md#evaluation-and-build",
};

pub(super) const BUILD: Explanation = Explanation {
    causes: &[
        UsualCause {
            cause: "A package does not build.",
            remedy: "Read the whole log: run `nix log` with the derivation that the error names.",
        },
        UsualCause {
            cause: "The host has another architecture than this machine.",
            remedy: "Configure a builder, emulation or a binary cache for that system, or name a prebuilt activator.",
        },
        UsualCause {
            cause: "The source of a package has another hash than the package declares.",
            remedy: "If the new source is correct, write its hash into the package.",
        },
        UsualCause {
            cause: "A path was removed from the Nix store of this machine, or was modified there.",
            remedy: "Apply again to build the path again. Repair a modified path with `nix-store \
                     --repair-path`.",
        },
    ],
    changed: "Nothing on this host.",
    title: "Evaluation and build",
    page: "troubleshooting.md#evaluation-and-build",
};

pub(super) const INVALID_MANIFEST: Explanation = Explanation {
    causes: &[
        UsualCause {
            cause: "An option has a value that the host would refuse.",
            remedy: "Correct the option that the error names.",
        },
        UsualCause {
            cause: "The fleet declares a path that only tools may write, such as `/etc/passwd`.",
            remedy: "Use the option or tool that the error names.",
        },
        UsualCause {
            cause: "The modules and the activator come from different releases of NixFleet.",
            remedy: "Take both from the same release.",
        },
        UsualCause {
            cause: "The closure of a generation is damaged or missing on the host.",
            remedy: "Run `nixfleet apply`, which copies the closure to the host.",
        },
    ],
    changed: NOTHING,
    title: "Paths that cannot be declared",
    page: "reference/host-files.md#paths-that-cannot-be-declared",
};
