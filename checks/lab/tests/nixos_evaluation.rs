//! Tests of how NixOS hosts are evaluated: each in a process of its own, several at once, and not again as
//! long as the committed flake stays as it is. The NixOS hosts of these tests do not exist. They can be
//! evaluated and built, and then no connection to them succeeds.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod stage;

use nixfleet_lab::lab::Lab;
use nixfleet_lab::lab::Plan;
use nixfleet_lab::upgrade::Upgrade;
use serde_json::Value;
use stage::{assert_says, lone};

/// A script that puts a wrapper for `nix` into the user's `~/bin`. The wrapper records the start and the end
/// of each evaluation and each build. The evaluation of nix-4 waits as long as `~/hold` exists. The
/// evaluation of nix-1 is killed if `~/kill` exists, as the kernel does if there is no memory left.
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

/// A fleet module with NixOS hosts `nix-1` to `nix-4`, and the commit of the whole fleet.
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

/// Prepares the operator's machine of a lab.
fn prepared(lab: Lab) -> Lab {
    let operator = lab.operator().unwrap();
    operator.types(NOTED).unwrap().success().unwrap();
    operator.types(FLEET).unwrap().success().unwrap();
    // The demo's fleet has two hosts that this lab does not boot.
    operator
        .edits("fleet.nix", "  hosts.web-2 = {", "  hosts.web-2 = {\n    maintenance = \"not booted\";")
        .unwrap();
    operator
        .edits("fleet.nix", "  hosts.db-1 = {", "  hosts.db-1 = {\n    maintenance = \"not booted\";")
        .unwrap();
    operator.types(COMMIT).unwrap().success().unwrap();
    lab
}

/// The numbers of evaluations and of builds that a command has started, and the maximum number of evaluations
/// at the same time.
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
    // One evaluation for the inventory with web-1, and one for each NixOS host.
    let first = counted(lab, "nixfleet plan");
    assert_eq!((first.evaluations, first.builds), (5, 5));
    let again = Counted { evaluations: 0, builds: 0, at_once: 0 };
    assert_eq!(counted(lab, "nixfleet plan"), again);
    assert_eq!(counted(lab, "nixfleet plan nix-2"), again);
    assert_eq!(counted(lab, "nixfleet hosts"), again);
    assert_eq!(evaluations(lab, "nixfleet plan --no-eval-cache"), 5);
    assert_eq!(evaluations(lab, "nixfleet plan --option pure-eval false"), 5);

    // A tree with changes is evaluated each time, and its results are not taken for those of the commit.
    operator.edits("nixos-role.nix", "pkgs.hello", "pkgs.hello pkgs.hello").unwrap();
    assert_eq!(evaluations(lab, "nixfleet plan"), 5);
    assert_eq!(evaluations(lab, "nixfleet plan"), 5);
    operator.types("git checkout -q .").unwrap().success().unwrap();
    assert_eq!(counted(lab, "nixfleet plan"), again);

    // A commit is another flake. Only selected hosts are evaluated, each once.
    operator.edits("nixos-role.nix", "pkgs.hello", "pkgs.hello pkgs.hello").unwrap();
    operator.types(COMMIT).unwrap().success().unwrap();
    assert_eq!(evaluations(lab, "nixfleet plan nix-2"), 2);
    assert_eq!(evaluations(lab, "nixfleet plan 'nix-*'"), 3);
    assert_eq!(evaluations(lab, "nixfleet plan"), 1);

    // Derivations and closures that the store no longer has are made again.
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

    // Mistakes in the options of NixFleet are collected from all evaluations.
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
