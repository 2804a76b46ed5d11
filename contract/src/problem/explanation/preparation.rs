//! The explanation of the code for hosts that are prepared.

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
