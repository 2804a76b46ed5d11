//! Tests of how the command line evaluates NixOS hosts: each in its own process, several at once, and not
//! again while the commit of the flake stays the same. The NixOS hosts of these tests do not exist: they are
//! evaluated and built, but no connection to them succeeds.

use nixfleet_lab::lab::Lab;
use nixfleet_lab::lab::Plan;
use nixfleet_lab::upgrade::Upgrade;
use serde_json::Value;

use crate::stage::{assert_says, lone};

/// A script that puts a wrapper for `nix` into the user's `~/bin`. The wrapper records the start and the end
/// of each evaluation and each build. It delays the evaluation of nix-4 while `~/hold` exists. If `~/kill`
/// exists, it kills the evaluation of nix-1, as the kernel does when no memory is left.
const NOTED: &str = r#"mkdir -p ~/bin && cat > ~/bin/nix <<'END' && chmod +x ~/bin/nix
#!/bin/sh
case "$*" in
*' eval --json '*) kind=eval ;;
*' build --json '*) kind=build ;;
*) exec /usr/bin/nix "$@" ;;
esac
echo "begin $kind" >> ~/started
case "$kind $*" in eval*'"nix-1"'*) [ ! -e ~/kill ] || kill -KILL $$ ;; esac
case "$*" in *'"nix-4"'*) while [ -e ~/hold ]; do sleep 0.1; done ;; esac
/usr/bin/nix "$@"
code=$?
echo "end $kind" >> ~/started
exit $code
END"#;

/// A script that writes a fleet module with the NixOS hosts `nix-1` to `nix-4`, and commits the whole fleet.
const FLEET: &str = r#"set -e
cat > nixos.nix <<'END'
{ lib, ... }:
let
  host = number: {
    base = "nixos";
    addr = "127.0.0.1";
    ssh.port = 9000 + number;
    roles = [ "nixos" ];
    modules = [ { environment.etc.number.text = toString number; } ];
  };
in
{
  roles.nixos = ./nixos-role.nix;
  hosts = lib.genAttrs [ "nix-1" "nix-2" "nix-3" "nix-4" ] (name: host (lib.toInt (lib.removePrefix "nix-" name)));
}
END
cat > nixos-role.nix <<'END'
{ pkgs, ... }:
{
  nixfleet.packages = [ pkgs.hello ];
  boot.loader.systemd-boot.enable = true;
}
END
sed -i 's|./fleet.nix|./fleet.nix ./nixos.nix|' flake.nix
git config --global user.email ada@operator
git config --global user.name ada
git init -q
git add .
git commit -qm fleet"#;

const COMMIT: &str = "git add . && git commit -qm change";

/// Writes the wrapper for `nix` and the fleet on the operator's machine of a lab.
fn prepared(lab: Lab) -> Lab {
    let operator = lab.operator().unwrap();
    operator.types(NOTED).unwrap().success().unwrap();
    operator.types(FLEET).unwrap().success().unwrap();
    // The demo's fleet has two hosts that this lab does not boot. `maintenance` excludes them from each plan.
    operator
        .edits("fleet.nix", "  hosts.web-2 = {", "  hosts.web-2 = {\n    maintenance = \"not booted\";")
        .unwrap();
    operator
        .edits("fleet.nix", "  hosts.db-1 = {", "  hosts.db-1 = {\n    maintenance = \"not booted\";")
        .unwrap();
    operator.types(COMMIT).unwrap().success().unwrap();
    lab
}

/// How many evaluations and builds a command started, and the highest number of evaluations that ran at the
/// same time.
#[derive(Debug, PartialEq, Eq)]
struct Counted {
    evaluations: usize,
    builds: usize,
    at_once: usize,
}

fn counted(lab: &Lab, command: &str) -> Counted {
    let script = format!(": > ~/started; PATH=~/bin:$PATH; {command} >&2 || [ $? -le 2 ]; cat ~/started");
    let finished = lab.operator().unwrap().types(&script).unwrap().success().unwrap();
    let (mut evaluations, mut builds, mut now, mut at_once) = (0, 0, 0_usize, 0);
    for line in finished.stdout.lines() {
        if line.starts_with("begin eval") {
            (evaluations, now) = (evaluations + 1, now + 1);
            at_once = at_once.max(now);
        } else if line.starts_with("end eval") {
            now -= 1;
        } else if line.starts_with("begin build") {
            builds += 1;
        }
    }
    Counted { evaluations, builds, at_once }
}

fn evaluations(lab: &Lab, command: &str) -> usize {
    counted(lab, command).evaluations
}

fn a_committed_fleet_is_evaluated_once(lab: &Lab) {
    let operator = lab.operator().unwrap();
    // One evaluation is for the inventory together with web-1, and each of the four NixOS hosts has its own
    // evaluation.
    let first = counted(lab, "nixfleet plan");
    assert_eq!((first.evaluations, first.builds), (5, 5));
    let again = Counted { evaluations: 0, builds: 0, at_once: 0 };
    assert_eq!(counted(lab, "nixfleet plan"), again);
    assert_eq!(counted(lab, "nixfleet plan nix-2"), again);
    assert_eq!(counted(lab, "nixfleet hosts"), again);
    assert_eq!(evaluations(lab, "nixfleet plan --no-eval-cache"), 5);
    assert_eq!(evaluations(lab, "nixfleet plan --option pure-eval false"), 5);

    // A working tree with changes is evaluated each time, and later commands do not use these results for the
    // commit.
    operator.edits("nixos-role.nix", "pkgs.hello", "pkgs.hello pkgs.hello").unwrap();
    assert_eq!(evaluations(lab, "nixfleet plan"), 5);
    assert_eq!(evaluations(lab, "nixfleet plan"), 5);
    operator.types("git checkout -q .").unwrap().success().unwrap();
    assert_eq!(counted(lab, "nixfleet plan"), again);

    // After a new commit, the hosts are evaluated again: only the selected hosts, and each of them once.
    operator.edits("nixos-role.nix", "pkgs.hello", "pkgs.hello pkgs.hello").unwrap();
    operator.types(COMMIT).unwrap().success().unwrap();
    assert_eq!(evaluations(lab, "nixfleet plan nix-2"), 2);
    assert_eq!(evaluations(lab, "nixfleet plan 'nix-*'"), 3);
    assert_eq!(evaluations(lab, "nixfleet plan"), 1);

    // Derivations and closures that the garbage collection removed from the store are made again.
    operator.types("nix-collect-garbage").unwrap().success().unwrap();
    let collected = counted(lab, "nixfleet plan");
    assert!(collected.evaluations > 0 && collected.builds == 5, "{collected:?}");
    assert_eq!(counted(lab, "nixfleet plan"), again);
}

#[test]
fn a_committed_fleet_is_evaluated_once_and_a_changed_one_again() {
    a_committed_fleet_is_evaluated_once(&prepared(lone("web-1")));
}

#[test]
#[ignore = "run by make soak-hosts"]
fn a_committed_fleet_is_evaluated_once_with_a_newer_nix_too() {
    let plan = Plan::of_test().only("web-1").operator(Upgrade::newer_nix());
    a_committed_fleet_is_evaluated_once(&prepared(Lab::boot(&plan).unwrap()));
}

#[test]
fn a_nixos_host_that_was_not_selected_is_not_evaluated_and_mistakes_of_all_selected_hosts_are_reported() {
    let lab = prepared(lone("web-1"));
    let operator = lab.operator().unwrap();
    let wrong = "modules = [ { environment.etc.number.text = if number > 2 then throw \"not written yet\" else toString number; } ];";
    operator
        .edits("nixos.nix", "modules = [ { environment.etc.number.text = toString number; } ];", wrong)
        .unwrap();
    for command in ["nixfleet hosts", "nixfleet plan web-1", "nixfleet plan web-1,nix-1"] {
        let finished = operator.types(command).unwrap();
        assert!(finished.code == 0 || command.contains("nix-1"), "{finished}");
        assert!(!finished.stderr.contains("NF-201") && !finished.stdout.contains("NF-201"), "{finished}");
    }
    let two = ["[NF-201]", "nixos.nix:", "host nix-3", "not written yet"];
    assert_says(&operator.types("nixfleet plan nix-3").unwrap(), 1, &two);
    let both = ["[NF-201] 1 mistake in the fleet", "nixos.nix:", "hosts: nix-3, nix-4", "not written yet"];
    let finished = operator.types("nixfleet apply --yes").unwrap();
    assert_says(&finished, 1, &both);
    assert!(lab.guest("web-1").unwrap().ask("! test -e /var/lib/nixfleet/state.json").is_ok());

    let killed = operator
        .types("touch ~/kill; PATH=~/bin:$PATH nixfleet plan web-1,nix-1; code=$?; rm ~/kill; exit $code");
    assert_says(&killed.unwrap(), 1, &["[NF-201] the evaluation was killed", "--eval-jobs 1"]);

    // A mistake in an option of NixFleet is reported once, with all hosts whose evaluations found it.
    let option = "nixfleet.files.\"/etc/x\" = {\n    text = \"x\";\n    mode = \"9\";\n  };\n  boot.loader";
    operator.edits("nixos-role.nix", "boot.loader", option).unwrap();
    let collected =
        ["[NF-201] 1 mistake in the fleet", "nixos-role.nix:", "hosts: nix-1, nix-2, nix-3, nix-4"];
    assert_says(&operator.types("nixfleet plan").unwrap(), 1, &collected);
}

#[test]
fn as_many_nixos_hosts_are_evaluated_at_once_as_the_user_allows() {
    let lab = prepared(lone("web-1"));
    let with =
        |jobs: usize| counted(&lab, &format!("nixfleet plan --no-eval-cache --eval-jobs {jobs}")).at_once;
    assert_eq!(with(1), 1);
    assert_eq!(with(4), 4);
}

#[test]
fn a_host_that_is_evaluated_for_long_delays_no_other() {
    let lab = prepared(lone("web-1"));
    let operator = lab.operator().unwrap();
    let script = "touch ~/hold; PATH=~/bin:$PATH; nixfleet plan --parallel 1 --events > ~/events & command=$!; \
                  for try in $(seq 600); do \
                    [ \"$(grep -c '\"hostPlanned\"' ~/events)\" = 4 ] && break; sleep 0.1; done; \
                  cp ~/events ~/held; rm ~/hold; wait $command; cat ~/held; echo; echo rest; tail -n +$(($(wc -l < ~/held) + 1)) ~/events";
    let finished = operator.types(script).unwrap();
    let (held, rest) = finished.stdout.split_once("\nrest\n").unwrap();
    let hosts = |events: &str, kind: &str, phase: Option<&str>| -> Vec<String> {
        let events = events.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let of = events
            .filter(|event| event["event"] == kind && phase.is_none_or(|phase| event["phase"] == phase));
        let mut hosts: Vec<String> = of.map(|event| event["host"].as_str().unwrap().to_owned()).collect();
        hosts.sort();
        hosts
    };
    assert_eq!(hosts(held, "hostPlanned", None), ["nix-1", "nix-2", "nix-3", "web-1"], "{finished}");
    assert_eq!(hosts(held, "hostPhase", Some("evaluating")), ["nix-1", "nix-2", "nix-3", "nix-4"]);
    assert_eq!(hosts(held, "hostPhase", Some("building")), ["nix-1", "nix-2", "nix-3", "web-1"]);
    assert_eq!(hosts(rest, "hostPlanned", None), ["nix-4"], "{finished}");
}
