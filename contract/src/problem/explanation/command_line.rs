//! Explanations of the codes from 100: the command line, and the records of this machine.

use super::{Explanation, NOTHING, UsualCause};

pub(super) const USAGE: Explanation = Explanation {
    causes: &[
        UsualCause {
            cause: "A flag, a value, or a combination of flags is wrong.",
            remedy: "Correct the command as the error says. `nixfleet COMMAND --help` lists the flags.",
        },
        UsualCause {
            cause: "The command needs your approval, but it cannot ask: there is no terminal, or the output \
                    is for a program.",
            remedy: "Inspect the plan, then add `--yes`.",
        },
        UsualCause {
            cause: "This machine has no `nix` or `ssh`, or the command cannot read or write one of its \
                    files, such as a saved plan.",
            remedy: "Install the program, or correct the path that the error names.",
        },
        UsualCause {
            cause: "You interrupted the command.",
            remedy: "Run `nixfleet status` to see the state of the hosts.",
        },
    ],
    changed: "Nothing, unless you interrupted the command. Hosts that had started to change then continue by \
              themselves.",
    title: "The command line",
    page: "how-to/command-line.md",
};

pub(super) const NO_FLEET: Explanation = Explanation {
    causes: &[
        UsualCause {
            cause: "Neither the current directory nor a directory above it has a `flake.nix`.",
            remedy: "Change to the directory of the fleet, or use `--flake` or `NIXFLEET_FLAKE`.",
        },
        UsualCause {
            cause: "The flake or file that you named does not exist.",
            remedy: "Correct the path. Write `$HOME` instead of `~` in quotes and after `=`.",
        },
        UsualCause {
            cause: "The flake has no output `nixfleet`.",
            remedy: "Create the outputs of the flake with `nixfleet.lib.mkFleet`.",
        },
        UsualCause {
            cause: "The file that `--file` names does not return a fleet.",
            remedy: "Return the result of `nixfleet.lib.mkFleet` from the file.",
        },
    ],
    changed: NOTHING,
    title: "Find the fleet",
    page: "how-to/command-line.md#find-the-fleet",
};

pub(super) const SELECTION: Explanation = Explanation {
    causes: &[
        UsualCause {
            cause: "The name of a host, tag, role or base is misspelt.",
            remedy: "Run `nixfleet hosts` to list all hosts with their tags and roles.",
        },
        UsualCause {
            cause: "No host matches all parts of the selection.",
            remedy: "Remove a part of the selection: different options together select only hosts that match \
                     all of them.",
        },
        UsualCause {
            cause: "The expression of `--on` is not valid.",
            remedy: "Quote the expression, and write it as in `--on 'web-* and @prod and not @canary'`.",
        },
        UsualCause {
            cause: "The tags contradict the rollout: `before` lists form a cycle, or no tag has the \
                    dimension of `spread`.",
            remedy: "Correct the tags or the option that the error names.",
        },
    ],
    changed: NOTHING,
    title: "Select hosts",
    page: "how-to/command-line.md#select-hosts",
};

pub(super) const NO_ROLLOUT: Explanation = Explanation {
    causes: &[
        UsualCause {
            cause: "The name of the rollout is misspelt, or another machine started the rollout.",
            remedy: "Run `nixfleet history` to list the commands of this machine, or use the machine that \
                     started the rollout.",
        },
        UsualCause {
            cause: "The rollout is complete, or no rollout is paused.",
            remedy: "Run `nixfleet apply` to apply the current flake.",
        },
        UsualCause {
            cause: "No host has the generation of the rollout any more, so there is nothing to roll back.",
            remedy: "Run `nixfleet status -v` to see the generations of each host.",
        },
    ],
    changed: NOTHING,
    title: "When it stops",
    page: "how-to/rollouts.md#when-it-stops",
};

pub(super) const HISTORY: Explanation = Explanation {
    causes: &[
        UsualCause {
            cause: "No command of the history matches the name, or several commands match.",
            remedy: "Run `nixfleet history --limit 100`, and write more of the name. `last` is the newest \
                     command.",
        },
        UsualCause {
            cause: "The file of the history is damaged.",
            remedy: "Move the file away. The next command starts a new history.",
        },
        UsualCause {
            cause: "Another program uses the file, you may not write to the file, or the disk of this \
                    machine is full.",
            remedy: "Wait for the program, make yourself the owner of the file, or free disk space.",
        },
        UsualCause { cause: "A newer `nixfleet` wrote the history.", remedy: "Use the newer `nixfleet`." },
    ],
    changed: "Nothing by this error. A command that cannot write its history prints a warning and continues.",
    title: "History",
    page: "how-to/history.md",
};

pub(super) const IMPORT: Explanation = Explanation {
    causes: &[
        UsualCause {
            cause: "The file is not a valid inventory, is encrypted, or is not text in UTF-8.",
            remedy: "Correct the line that the error names, or decrypt a copy of the file and import the \
                     copy.",
        },
        UsualCause {
            cause: "The inventory is a program, a plugin or TOML.",
            remedy: "Export the inventory with `ansible-inventory -i INVENTORY --list --yaml --export`, and \
                     import the result.",
        },
        UsualCause {
            cause: "The flake has no hive of colmena, or no nodes of deploy-rs.",
            remedy: "Name the flake that the other tool deploys.",
        },
        UsualCause {
            cause: "The inventory has no host that can be imported.",
            remedy: "Read the reason in the error, or name an inventory that has hosts.",
        },
    ],
    changed: "Nothing. An import connects to no host.",
    title: "Import hosts",
    page: "how-to/import.md",
};
