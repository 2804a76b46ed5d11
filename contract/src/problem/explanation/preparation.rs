//! The explanations of the codes for hosts that are prepared or leave the management.

use super::{Explanation, UsualCause};

pub(super) const BOOTSTRAP: Explanation = Explanation {
    causes: &[
        UsualCause {
            cause: "NixFleet does not support the distribution, the architecture, systemd, apt or Nix of the \
                    host.",
            remedy: "Do what the line `help:` says. The table of the command shows the requirement.",
        },
        UsualCause {
            cause: "The package sources of the host have no Nix, cannot be reached, or `dpkg` was interrupted.",
            remedy: "Correct the sources, run `dpkg --configure -a` on the host, or use `--installer`.",
        },
        UsualCause {
            cause: "The host has too little free space for Nix.",
            remedy: "Free space on the filesystem of `/nix` or `/var`.",
        },
        UsualCause {
            cause: "A step failed, or the prepared host refused the new login.",
            remedy: "Correct the cause on the line `why:`, then run the command again.",
        },
    ],
    changed: "Nothing if the outcome is `blocked` or `rolled-back`. If the outcome is `failed`, the error names \
              the steps that could not be undone.",
    title: "A host cannot be prepared",
    page: "troubleshooting.md#a-host-cannot-be-prepared",
};

pub(super) const FORGET: Explanation = Explanation {
    causes: &[
        UsualCause {
            cause: "The host runs NixOS.",
            remedy: "Continue with `nixos-rebuild` and the same flake.",
        },
        UsualCause {
            cause: "`--with-access` would remove the user with whom the command logs in.",
            remedy: "Log in as another user who may become root: `--login USER`.",
        },
        UsualCause {
            cause: "`--with-nix` would remove a Nix that a bootstrap did not install, or that others use.",
            remedy: "Omit `--with-nix`, or remove the other uses of Nix first.",
        },
        UsualCause {
            cause: "Something was declared again while the command ran, or a program failed.",
            remedy: "Correct the cause on the line `why:`, then run the command again.",
        },
    ],
    changed: "Nothing if the outcome is `blocked`. If the outcome is `failed`, a part of the removal is done, \
              and the same command continues it.",
    title: "Stop using NixFleet",
    page: "how-to/leave.md",
};
