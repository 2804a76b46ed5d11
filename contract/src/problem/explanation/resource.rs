//! Explanations of the codes of things on a host: files, units, accounts and the system.

use super::{Explanation, NOTHING, UNDONE, UsualCause};

pub(super) const HOST_FILE: Explanation = Explanation {
    causes: &[
        UsualCause {
            cause: "The path is on a read-only filesystem, is immutable, or is a mount point.",
            remedy: "Check the path with `findmnt --target PATH` and `lsattr -d PATH` on the host.",
        },
        UsualCause {
            cause: "A user blocks the file: it is too large, changes all the time, or is held by a lease.",
            remedy: "Move the file away, end the process, or add `--force PATH` to apply everything else.",
        },
        UsualCause {
            cause: "The requested backup does not exist, is too large to be shown, or is a directory.",
            remedy: "Run `nixfleet backups list`, or copy the backup from the host as root.",
        },
        UsualCause {
            cause: "The system of the host reported another error, such as a failing disk.",
            remedy: "Read the line `why:`, and check `dmesg` on the host.",
        },
    ],
    changed: "Nothing if the outcome is `blocked`. If the outcome is `rolled-back`, the change was undone. \
              If only `gc --collect` fails, the generations are already dropped.",
    title: "A file that a user blocks",
    page: "how-to/files.md#a-file-that-a-user-blocks",
};

pub(super) const UNIT: Explanation = Explanation {
    causes: &[
        UsualCause {
            cause: "The unit fails when it starts.",
            remedy: "Read `journalctl -n 50 -u UNIT` on the host, and correct the unit.",
        },
        UsualCause {
            cause: "The unit needs longer than its limit to start or to stop.",
            remedy: "Set `startTimeout` of the unit, or a shorter `TimeoutStopSec=` for the stop.",
        },
        UsualCause {
            cause: "The change stopped a unit that ran before, because of a dependency.",
            remedy: "Read `systemctl list-dependencies --all UNIT` on the host, and correct the dependency.",
        },
        UsualCause {
            cause: "The change would reload a unit that has no `ExecReload=`.",
            remedy: "List the unit in `restartUnits`, or remove `reloadIfChanged`.",
        },
    ],
    changed: UNDONE,
    title: "When a unit counts as started",
    page: "how-to/units.md#when-a-unit-counts-as-started",
};

pub(super) const ACCOUNT: Explanation = Explanation {
    causes: &[
        UsualCause {
            cause: "A user or group that the fleet names does not exist on the host.",
            remedy: "Declare it in `nixfleet.users` or `nixfleet.groups`, or correct the name.",
        },
        UsualCause {
            cause: "The id is in use, or the account already has another id.",
            remedy: "Choose another id, or remove the id from the declaration.",
        },
        UsualCause {
            cause: "The home belongs to another user, or is not a directory.",
            remedy: "Choose one of the lines that the error shows.",
        },
        UsualCause {
            cause: "The user runs processes while the home is to change, or a tool such as `useradd` failed.",
            remedy: "End the processes of the user (`pgrep -u USER -a`), or correct what the tool reports.",
        },
    ],
    changed: "Nothing if the outcome is `blocked`. If the outcome is `rolled-back`, the change was undone: \
              users that it created are disabled, and groups that it created stay.",
    title: "Users and keys",
    page: "how-to/users.md",
};

pub(super) const VALIDATION: Explanation = Explanation {
    causes: &[
        UsualCause {
            cause: "`visudo`, `sshd` or `systemd-analyze` found a mistake.",
            remedy: "Correct the file. The error has the message of the tool.",
        },
        UsualCause {
            cause: "The `validate` command of a file refused the new content.",
            remedy: "Correct the file, or the command.",
        },
        UsualCause {
            cause: "The host does not have the `validate` command, or the tool cannot be started.",
            remedy: "Install or repair the program on the host, or change `validate`.",
        },
        UsualCause {
            cause: "`systemd-analyze` reports a unit that is correct.",
            remedy: "Set `verify = false` for the unit.",
        },
    ],
    changed: NOTHING,
    title: "Files and units that are wrong",
    page: "security.md#files-and-units-that-are-wrong",
};

pub(super) const DISK_FULL: Explanation = Explanation {
    causes: &[
        UsualCause {
            cause: "The filesystem has no free space.",
            remedy: "Run `nixfleet gc NAME --keep 1 --collect`, or free space by hand.",
        },
        UsualCause {
            cause: "The filesystem has no free inodes, or a quota is reached.",
            remedy: "Check `df -i` and the quotas on the host.",
        },
        UsualCause {
            cause: "The packages of apt need more space than a filesystem has.",
            remedy: "Compare the needs in the plan with `df` on the host, and free space there.",
        },
    ],
    changed: UNDONE,
    title: "The disk is full",
    page: "troubleshooting.md#the-disk-is-full",
};

pub(super) const RESTART_STORM: Explanation = Explanation {
    causes: &[
        UsualCause {
            cause: "The service fails shortly after its start.",
            remedy: "Read `journalctl -n 50 -u UNIT` on the host, and correct the service.",
        },
        UsualCause {
            cause: "The program of the service ends normally, and `Restart=` starts it again.",
            remedy: "Declare `Type=oneshot`, or remove `Restart=`.",
        },
    ],
    changed: UNDONE,
    title: "When a unit counts as started",
    page: "how-to/units.md#when-a-unit-counts-as-started",
};

pub(super) const MASKED: Explanation = Explanation {
    causes: &[
        UsualCause {
            cause: "The change would start, restart or reload a unit that somebody masked.",
            remedy: "Run `systemctl unmask UNIT` on the host, or remove the unit from the fleet.",
        },
        UsualCause {
            cause: "The fleet declares only drop-ins of a masked unit, so the drop-ins would have no effect.",
            remedy: "Run `systemctl unmask UNIT` on the host, or remove the drop-ins.",
        },
        UsualCause {
            cause: "The change restores the original of a unit file, which is a mask.",
            remedy: "Declare `text` of the unit, or remove the unit from the fleet.",
        },
    ],
    changed: NOTHING,
    title: "The plan refuses a change",
    page: "troubleshooting.md#the-plan-refuses-a-change",
};

pub(super) const COMMAND: Explanation = Explanation {
    causes: &[
        UsualCause {
            cause: "The command failed or took longer than five minutes.",
            remedy: "Run the command on the host to see its whole output, then correct the command or the \
                     file.",
        },
        UsualCause {
            cause: "The program does not exist on the host, or cannot be executed.",
            remedy: "Correct its path, install the program, or use a program of a Nix package.",
        },
    ],
    changed: "Nothing if the outcome is `blocked`. If the outcome is `rolled-back`, the change was undone. \
              If it is `failed`, the change stays: it was a rollback, or had `--force health-checks`.",
    title: "Commands for changes",
    page: "how-to/files.md#commands-for-changes",
};

pub(super) const SYSTEM: Explanation = Explanation {
    causes: &[
        UsualCause {
            cause: "A unit or an activation script failed during the activation.",
            remedy: "Read the report, or run `journalctl --boot --unit 'nixfleet-run-*'` on the host.",
        },
        UsualCause {
            cause: "The activation took longer than its limit.",
            remedy: "Raise `nixfleet.activationTimeout`.",
        },
        UsualCause {
            cause: "The boot loader could not be installed or set, for example because `/boot` is full.",
            remedy: "Free space in `/boot`, check the boot loader, then apply again.",
        },
        UsualCause {
            cause: "Another tool, such as `nixos-rebuild`, changed the system during the change.",
            remedy: "Plan again, then apply the new plan.",
        },
    ],
    changed: UNDONE,
    title: "Activate it",
    page: "how-to/nixos.md#activate-it",
};

pub(super) const PACKAGES: Explanation = Explanation {
    causes: &[
        UsualCause {
            cause: "A package source cannot be reached, or has no valid signature.",
            remedy: "Run `apt-get update` on the host, and correct the source, its key or the network.",
        },
        UsualCause {
            cause: "apt finds no such package or version, or the packages conflict.",
            remedy: "Run `apt-get --simulate install NAME` on the host, and correct `nixfleet.apt`.",
        },
        UsualCause {
            cause: "The script of a package failed.",
            remedy: "Read the end of `/var/log/apt/term.log` on the host, correct the cause, then apply again.",
        },
        UsualCause {
            cause: "The host has no apt, or an apt that is older than 2.3.2.",
            remedy: "Remove `nixfleet.apt.packages` of the host, or upgrade its distribution.",
        },
        UsualCause {
            cause: "The file with the login for a new package source is missing, or users other than root can use it.",
            remedy: "Create the file on the host, with the owner root and the mode 0600.",
        },
    ],
    changed: "Nothing if the outcome is `blocked`. If the outcome is `partial`, packages were installed or \
              removed, and nothing undoes that.",
    title: "Packages from apt",
    page: "how-to/apt-and-nix.md#packages-from-apt",
};
