//! Explanations of the codes of runs on a host: recovery, confirmation and health checks.

use super::{Explanation, UsualCause};

pub(super) const RECOVERY: Explanation = Explanation {
    causes: &[
        UsualCause {
            cause: "An undo failed, for example because the disk is full.",
            remedy: "Correct the cause that the error names, then apply again: the apply continues the undo.",
        },
        UsualCause {
            cause: "A newer NixFleet was interrupted on the host.",
            remedy: "Apply with the newer `nixfleet`.",
        },
        UsualCause {
            cause: "The file `/var/lib/nixfleet/journal.json` is damaged.",
            remedy: "Restore the replaced files by hand from `/var/lib/nixfleet/tx/`, then move the journal \
                     away.",
        },
        UsualCause {
            cause: "A NixOS host did not boot the system that ran before the change.",
            remedy: "Apply again: the apply activates that system first.",
        },
    ],
    changed: "The host may be between the old and the new generation until the undo is complete.",
    title: "A command was interrupted",
    page: "troubleshooting.md#a-command-was-interrupted",
};

pub(super) const UNCONFIRMED: Explanation = Explanation {
    causes: &[
        UsualCause {
            cause: "The change broke sshd, the network, a firewall, your key or sudo.",
            remedy: "Read in the plan what touches these, and correct it.",
        },
        UsualCause {
            cause: "The host or the network is slow.",
            remedy: "Allow more time with `--confirm-timeout SECONDS` or `rollout.confirmTimeout`.",
        },
        UsualCause {
            cause: "The command was killed, or this machine lost its network.",
            remedy: "Apply again.",
        },
    ],
    changed: "Nothing remains changed: the host undid the change.",
    title: "The change was rolled back",
    page: "troubleshooting.md#the-change-was-rolled-back",
};

pub(super) const INTERRUPTED: Explanation = Explanation {
    causes: &[
        UsualCause {
            cause: "The process of the run was killed, for example because the host had no free memory.",
            remedy: "Read `journalctl -u 'nixfleet-run-*'` on the host, then apply again.",
        },
        UsualCause {
            cause: "The host went down during the change.",
            remedy: "Wait until the host has booted, then apply again.",
        },
    ],
    changed: "The host recovers at once, at its next boot, or at the next apply. It then has exactly the old \
              or exactly the new generation: `nixfleet status` shows which.",
    title: "A command was interrupted",
    page: "troubleshooting.md#a-command-was-interrupted",
};

pub(super) const NO_RUN: Explanation = Explanation {
    causes: &[
        UsualCause {
            cause: "The connection broke before the run started on the host.",
            remedy: "Apply again.",
        },
        UsualCause {
            cause: "A later run replaced the record of this run.",
            remedy: "Run `nixfleet status` to see the state of the host.",
        },
    ],
    changed: "Nothing if the run never started. Otherwise, `nixfleet status` shows the generation of the \
              host.",
    title: "A change outlives its connection",
    page: "internals/architecture.md#a-change-outlives-its-connection",
};

pub(super) const HEALTH_CHECK: Explanation = Explanation {
    causes: &[
        UsualCause {
            cause: "The service runs but does not work, or the check is wrong.",
            remedy: "Run `nixfleet check`, and correct the service or the check. `--force health-checks` \
                     keeps a change despite the check.",
        },
        UsualCause {
            cause: "This machine cannot reach the address of a check with `from = \"operator\"`.",
            remedy: "Set `from = \"host\"`, or an address that this machine reaches without ssh.",
        },
        UsualCause {
            cause: "The check requests an `https` address, and the host has no `curl`.",
            remedy: "Add `pkgs.curl` to `nixfleet.packages`, or set `from = \"operator\"`.",
        },
        UsualCause {
            cause: "The check is new to this machine, or the closure of the host is not in its Nix store.",
            remedy: "Run `nixfleet plan --host NAME`. If you trust a new check, apply once from this \
                     machine.",
        },
    ],
    changed: "Nothing if the outcome is `blocked` or `unchanged`. If it is `rolled-back`, the change was \
              undone. If it is `failed` or `partial`, the new generation stays in place, or the host had \
              nothing to change.",
    title: "If a check fails",
    page: "how-to/health-checks.md#if-a-check-fails",
};
