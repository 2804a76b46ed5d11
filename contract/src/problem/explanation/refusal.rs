//! Explanations of the codes of refused changes.

use super::{Explanation, NOTHING, UNDONE, UsualCause};

pub(super) const LOCKED: Explanation = Explanation {
    causes: &[
        UsualCause {
            cause: "Another operator or another command changes the host.",
            remedy: "Wait until that run has ended. The line `why:` names its holder.",
        },
        UsualCause {
            cause: "The run of an earlier command continues, although the command was killed.",
            remedy: "Wait: the run ends by itself, and releases the lock. Do not delete the lock file.",
        },
        UsualCause {
            cause: "On NixOS, `nixos-rebuild` or another tool is switching the system.",
            remedy: "Wait until the tool has ended, then apply again.",
        },
    ],
    changed: "Nothing by this command. If another tool switches the NixOS system during the change, the \
              change is undone.",
    title: "The host is locked",
    page: "troubleshooting.md#the-host-is-locked",
};

pub(super) const CONFLICT: Explanation = Explanation {
    causes: &[
        UsualCause {
            cause: "Somebody, or another tool, created the file or link.",
            remedy: "Set `onConflict = \"backup\"` or `\"adopt\"` for the path, or declare the content that \
                     exists.",
        },
        UsualCause {
            cause: "The path has another type, or its directory has content that NixFleet does not own.",
            remedy: "Move the path away by hand, or add `--force PATH` to apply everything else.",
        },
        UsualCause {
            cause: "The declared unit is masked on the host.",
            remedy: "Run `systemctl unmask UNIT` on the host, or set `onConflict = \"backup\"` for the unit.",
        },
        UsualCause {
            cause: "An earlier apply moved the directory above the path into a backup.",
            remedy: "Apply once without `nixfleet.absent` for the directory and without declarations in it. \
                     Then add the declarations.",
        },
    ],
    changed: NOTHING,
    title: "Decide what happens to a file",
    page: "how-to/existing-hosts.md#decide-what-happens-to-a-file",
};

pub(super) const PLAN_OUTDATED: Explanation = Explanation {
    causes: &[
        UsualCause {
            cause: "Somebody edited the host, or another operator or tool changed it.",
            remedy: "Plan again, read the difference, then apply.",
        },
        UsualCause {
            cause: "A saved plan is older than the host, or its closure was removed from the Nix store of \
                    this machine.",
            remedy: "Save a new plan with `nixfleet plan --out FILE`.",
        },
        UsualCause {
            cause: "A program on the host rewrites a declared file all the time.",
            remedy: "Stop the program, do not declare the file, or add `--force PATH` to apply everything \
                     else.",
        },
        UsualCause {
            cause: "The host has another generation than the rollout expects.",
            remedy: "Run `nixfleet status`, then apply the current flake with `nixfleet apply`.",
        },
    ],
    changed: UNDONE,
    title: "The plan is outdated",
    page: "troubleshooting.md#the-plan-is-outdated",
};

pub(super) const STATE: Explanation = Explanation {
    causes: &[
        UsualCause { cause: "A newer NixFleet wrote the state.", remedy: "Use the newer `nixfleet`." },
        UsualCause {
            cause: "The file `/var/lib/nixfleet/state.json` is damaged.",
            remedy: "Restore the file from a backup of the host. Without a backup, move the file away, and \
                     apply once with `onConflict = \"adopt\"` for each managed path.",
        },
    ],
    changed: NOTHING,
    title: "The records are damaged",
    page: "how-to/console.md#the-records-are-damaged",
};

pub(super) const NO_GENERATION: Explanation = Explanation {
    causes: &[
        UsualCause {
            cause: "The number is wrong, or `nixfleet gc` has dropped the generation.",
            remedy: "Choose a generation of the error, or of `nixfleet status -v`.",
        },
        UsualCause {
            cause: "The host has no earlier generation.",
            remedy: "Correct the fleet, and apply: there is nothing to roll back to.",
        },
        UsualCause {
            cause: "The host is not managed yet.",
            remedy: "Run `nixfleet apply --host NAME` first.",
        },
    ],
    changed: NOTHING,
    title: "Generations",
    page: "how-to/disk-space.md#generations",
};

pub(super) const UNSAFE_PATH: Explanation = Explanation {
    causes: &[
        UsualCause {
            cause: "A directory above the path is a symbolic link.",
            remedy: "Declare the real path: NixFleet follows no link when it writes.",
        },
        UsualCause {
            cause: "Other users can write to a directory above the path.",
            remedy: "Remove their write access, or manage another path.",
        },
        UsualCause {
            cause: "A file or another object is where a directory above the path should be.",
            remedy: "Move it away on the host, or manage another path.",
        },
        UsualCause {
            cause: "The directory of NixFleet itself belongs to other users or is in memory.",
            remedy: "Make `/var/lib/nixfleet` a directory on disk that only root can write to.",
        },
    ],
    changed: UNDONE,
    title: "Write access above a managed path",
    page: "reference/host-files.md#write-access-above-a-managed-path",
};

pub(super) const LOCKED_OUT: Explanation = Explanation {
    causes: &[
        UsualCause {
            cause: "The change removes your SSH key, or changes sshd so that you can no longer log in.",
            remedy: "Keep your key and your access in the fleet.",
        },
        UsualCause {
            cause: "The change removes your sudo rule, or the group that has it.",
            remedy: "Keep the rule or the group in the fleet.",
        },
        UsualCause {
            cause: "You remove your own access on purpose.",
            remedy: "Apply as a user who keeps access. `--force lockout` tries the change anyway, and the \
                     host rolls back without a confirmation.",
        },
    ],
    changed: NOTHING,
    title: "A change that locks you out",
    page: "security.md#a-change-that-locks-you-out",
};

pub(super) const OTHER_HOST: Explanation = Explanation {
    causes: &[
        UsualCause {
            cause: "The addresses of two hosts are swapped, or the address now belongs to another host.",
            remedy: "Correct `hosts.NAME.addr` in the inventory.",
        },
        UsualCause {
            cause: "You renamed the host in the inventory, or the host is a copy of another host.",
            remedy: "Add `--force host-name`.",
        },
    ],
    changed: NOTHING,
    title: "Log in to a host",
    page: "troubleshooting.md#log-in-to-a-host",
};

pub(super) const OTHER_BASE: Explanation = Explanation {
    causes: &[
        UsualCause { cause: "The inventory declares the wrong base.", remedy: "Correct `hosts.NAME.base`." },
        UsualCause { cause: "The address leads to another host.", remedy: "Correct `hosts.NAME.addr`." },
    ],
    changed: NOTHING,
    title: "Log in to a host",
    page: "troubleshooting.md#log-in-to-a-host",
};
