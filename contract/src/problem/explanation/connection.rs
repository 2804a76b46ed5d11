//! Explanations of the codes from 300: the connection to a host.

use super::{Explanation, NOTHING, UsualCause};

pub(super) const UNREACHABLE: Explanation = Explanation {
    causes: &[
        UsualCause {
            cause: "The address or the port is wrong, the host is down, or a firewall is in the way.",
            remedy: "Run the `ssh` command of the error. Correct `hosts.NAME.addr` or `hosts.NAME.ssh.port`.",
        },
        UsualCause {
            cause: "sshd has too many connections, or blocks your address after failed logins.",
            remedy: "Wait, correct the login, and use a smaller `--parallel`.",
        },
        UsualCause {
            cause: "The host or the network is slow.",
            remedy: "Raise `hosts.NAME.timeouts` or `--connect-timeout`, or use `--connect-retries`.",
        },
        UsualCause {
            cause: "The connection broke while a command used it.",
            remedy: "Run `nixfleet status` to see the state of the host.",
        },
    ],
    changed: "Usually nothing. If the connection broke while the host was at work, the host may have \
              changed. `nixfleet status` shows its state.",
    title: "Log in to a host",
    page: "troubleshooting.md#log-in-to-a-host",
};

pub(super) const SSH_AUTH: Explanation = Explanation {
    causes: &[
        UsualCause {
            cause: "The SSH agent has no key for the host.",
            remedy: "Check the keys with `ssh-add -l`, and load the key with `ssh-add`.",
        },
        UsualCause {
            cause: "The user is wrong, or the host does not allow your key for this user.",
            remedy: "Correct `hosts.NAME.ssh.user`, or add the key to the user on the host.",
        },
        UsualCause {
            cause: "The key needs a passphrase, or the login needs a password.",
            remedy: "Load the key into the agent, or allow a key for this user. NixFleet never asks for a \
                     passphrase or password.",
        },
        UsualCause {
            cause: "The agent offers too many keys.",
            remedy: "Set `IdentityFile` and `IdentitiesOnly yes` for the host in `~/.ssh/config`.",
        },
    ],
    changed: NOTHING,
    title: "Log in to a host",
    page: "troubleshooting.md#log-in-to-a-host",
};

pub(super) const HOST_KEY: Explanation = Explanation {
    causes: &[
        UsualCause {
            cause: "Nobody has accepted the host key on this machine.",
            remedy: "Print the key with `ssh-keyscan`, compare it with the key on the host itself, and pin \
                     it in `hosts.NAME.ssh.hostKey`.",
        },
        UsualCause {
            cause: "The host was reinstalled.",
            remedy: "Pin the new key, or remove the old key with `ssh-keygen -R ADDRESS`.",
        },
        UsualCause {
            cause: "The address leads to another host, or somebody intercepts the connection.",
            remedy: "Do not accept the key. Correct `hosts.NAME.addr`, or find the cause in the network.",
        },
        UsualCause {
            cause: "The pinned key is not valid.",
            remedy: "Write the type and the key, as in `ssh-ed25519 AAAA…`.",
        },
    ],
    changed: NOTHING,
    title: "The host key is unknown or has changed",
    page: "troubleshooting.md#the-host-key-is-unknown-or-has-changed",
};

pub(super) const NO_SUDO: Explanation = Explanation {
    causes: &[
        UsualCause {
            cause: "No rule allows the user to run all commands without a password.",
            remedy: "Add the rule that the error shows to `/etc/sudoers.d/nixfleet`.",
        },
        UsualCause {
            cause: "A later rule takes precedence.",
            remedy: "List all rules with `sudo -l -U USER` as root, and correct the last one that matches.",
        },
        UsualCause {
            cause: "The host has no sudo.",
            remedy: "Install sudo, or let NixFleet log in as root with `hosts.NAME.ssh.user = \"root\"`.",
        },
        UsualCause {
            cause: "sudo refuses its own files, the account has expired, or the unit of sshd has \
                    `NoNewPrivileges=`.",
            remedy: "Run the command of the line `help:` on the host as root.",
        },
    ],
    changed: NOTHING,
    title: "sudo asks for a password",
    page: "troubleshooting.md#sudo-asks-for-a-password",
};

pub(super) const NO_NIX: Explanation = Explanation {
    causes: &[
        UsualCause {
            cause: "Nix is not installed.",
            remedy: "Install Nix with its daemon: `apt-get install nix-bin nix-setup-systemd`.",
        },
        UsualCause {
            cause: "Nix is installed for one user only.",
            remedy: "Install Nix again with its daemon.",
        },
    ],
    changed: NOTHING,
    title: "Nix is not found on the host",
    page: "troubleshooting.md#nix-is-not-found-on-the-host",
};

pub(super) const COPY: Explanation = Explanation {
    causes: &[
        UsualCause {
            cause: "The disk of the host is full.",
            remedy: "Run `nixfleet gc NAME --keep 1 --collect`. If the host is not managed yet, run \
                     `nixfleet run NAME --sudo -- nix-collect-garbage`.",
        },
        UsualCause {
            cause: "This NixFleet cannot communicate with the Nix of the host.",
            remedy: "Install a newer Nix on the host. If the Nix of the host is newer, update NixFleet.",
        },
        UsualCause {
            cause: "The Nix store of the host is damaged, or a process locks its database.",
            remedy: "Check the store with `nix-store --verify` on the host, and end the process.",
        },
    ],
    changed: "No file, unit or account. Store paths that arrived stay in the Nix store of the host, and the \
              next apply uses them.",
    title: "The disk is full",
    page: "troubleshooting.md#the-disk-is-full",
};

pub(super) const BAD_ANSWER: Explanation = Explanation {
    causes: &[
        UsualCause {
            cause: "The login shell runs no commands, or sshd has a `ForceCommand`.",
            remedy: "Set another login shell for the user, or remove the `ForceCommand`.",
        },
        UsualCause {
            cause: "A start-up file of the login shell reads the input or prints too much.",
            remedy: "End the file early in shells that are not interactive.",
        },
        UsualCause {
            cause: "The NixFleet on the host is older or newer than this command.",
            remedy: "Update the host with `nixfleet apply`, or use the `nixfleet` that last applied to the \
                     host.",
        },
        UsualCause {
            cause: "The connection broke during a change, and did not come back.",
            remedy: "Run `nixfleet status` to see the state of the host.",
        },
    ],
    changed: "Nothing, unless the connection broke during a change. If the change needs a confirmation, a \
              host that is unreachable then rolls back by itself. Otherwise, the change may be in force.",
    title: "Log in to a host",
    page: "troubleshooting.md#log-in-to-a-host",
};

pub(super) const TIMED_OUT: Explanation = Explanation {
    causes: &[
        UsualCause {
            cause: "The command of `nixfleet run` takes longer than `--timeout` allows.",
            remedy: "Allow more time with `--timeout SECONDS`.",
        },
        UsualCause {
            cause: "The command waits for input or does not end.",
            remedy: "Run the command on the host with `ssh`, and correct it.",
        },
    ],
    changed: "Whatever the command has done. The error says whether the command was killed or may still run.",
    title: "Commands",
    page: "how-to/hosts-and-ssh.md#commands",
};
