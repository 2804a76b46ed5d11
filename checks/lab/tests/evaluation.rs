//! Tests of how often the command line evaluates a fleet, of a fleet without a flake, and of an operator
//! whose Nix is newer than the Nix of the hosts.

use nixfleet_lab::lab::{Lab, Plan};
use nixfleet_lab::upgrade::Upgrade;

use crate::stage::{applies, assert_says, fresh, lone, outcomes_of};

/// A script that puts a wrapper for `nix` into the user's `~/bin`, which comes first in `PATH`. The wrapper
/// records the arguments of each start of `nix`.
const NOTED: &str = "mkdir -p ~/bin && printf '#!/bin/sh\\necho \"$*\" >> ~/started\\nexec /usr/bin/nix \"$@\"\\n' > ~/bin/nix && \
                     chmod +x ~/bin/nix";

/// Runs a command, and returns how many evaluations it starts.
fn evaluations(lab: &Lab, command: &str) -> usize {
    let script = format!(
        ": > ~/started; PATH=~/bin:$PATH; {command} >&2 || [ $? -le 2 ]; grep -c ' eval --json ' ~/started"
    );
    let finished = lab.operator().unwrap().types(&script).unwrap().success().unwrap();
    finished.stdout.trim().lines().next_back().unwrap().parse().unwrap()
}

#[test]
fn all_hosts_or_named_hosts_are_evaluated_once_and_a_host_that_is_left_out_not_at_all() {
    let lab = fresh();
    lab.operator().unwrap().types(NOTED).unwrap().success().unwrap();
    assert_eq!(evaluations(&lab, "nixfleet plan"), 1);
    assert_eq!(evaluations(&lab, "nixfleet plan web-1,db-1"), 1);
    // Only the inventory says which hosts match a pattern.
    assert_eq!(evaluations(&lab, "nixfleet plan --host 'web-*'"), 2);
    assert_eq!(evaluations(&lab, "nixfleet hosts"), 1);

    let operator = lab.operator().unwrap();
    let package =
        "    } // { packages.x86_64-linux.nixfleet = nixpkgs.legacyPackages.x86_64-linux.hello; };\n}";
    operator.edits("flake.nix", "    };\n}", package).unwrap();
    assert_eq!(evaluations(&lab, "nixfleet plan"), 1);

    operator.edits("roles/db.nix", "text = \"port", "text = throw \"not written yet\" + \"port").unwrap();
    assert_eq!(evaluations(&lab, "nixfleet plan"), 2);
    assert_eq!(evaluations(&lab, "nixfleet plan web-1"), 1);
    operator
        .edits("fleet.nix", "addr = \"db-1\";", "addr = \"db-1\"; maintenance = \"being written\";")
        .unwrap();
    assert_eq!(evaluations(&lab, "nixfleet plan"), 1);
}

/// A script that writes a fleet without a flake: a Nix file and an inventory in TOML. An overlay provides the
/// package of the host.
const PLAIN: &str = r#"mkdir -p ~/plain && cd ~/plain
cat > default.nix <<'END'
let
  nixfleet = import /srv/nixfleet { nixpkgs = /srv/nixpkgs; };
in
nixfleet.lib.mkFleet {
  inventory = ./fleet.toml;
  modules = [
    {
      activator.x86_64-linux = "${/srv/prebuilt/bin}/nixfleet-activate";
      nixpkgs.overlays = [ (final: _: { greeting = final.hello_1; }) ];
      hosts.web-1.modules = [
        (
          { pkgs, ... }:
          {
            nixfleet.packages = [ pkgs.greeting ];
          }
        )
      ];
    }
  ];
}
END
cat > fleet.toml <<'END'
[hosts.web-1]
addr = "web-1"
ssh.user = "deploy"
roles = ["plain"]

[roles.plain.nixfleet.files."/etc/plain"]
text = "from TOML\n"
END"#;

#[test]
fn a_fleet_without_a_flake_is_applied_and_its_mistakes_have_their_file() {
    let lab = lone("web-1");
    let operator = lab.operator().unwrap();
    operator.types(PLAIN).unwrap().success().unwrap();
    let flags = "--file ~/plain";
    assert_eq!(applies(&lab, flags), outcomes_of([("web-1", "ok")]));
    assert_eq!(applies(&lab, flags), outcomes_of([("web-1", "unchanged")]));
    let host = lab.guest("web-1").unwrap();
    assert_eq!(host.ask("cat /etc/plain").unwrap(), "from TOML");
    assert!(
        host.ask("readlink -f /nix/var/nix/profiles/nixfleet/system/sw/bin/hello")
            .unwrap()
            .contains("hello-1.0")
    );

    operator.types("sed -i 's/^addr/adr/' ~/plain/fleet.toml").unwrap().success().unwrap();
    let finished = operator.types("cd ~/plain && NIXFLEET_FILE=. nixfleet plan").unwrap();
    assert_says(&finished, 1, &["NF-201", "the option hosts.web-1.adr does not exist", "/plain/fleet.toml"]);
    operator
        .types("sed -i 's/^adr/addr/; s/pkgs.greeting/pkgs.unfree/' ~/plain/*")
        .unwrap()
        .success()
        .unwrap();
    let finished = operator.types("nixfleet plan --file ~/plain").unwrap();
    assert_says(&finished, 1, &["unfree-1.0 has an unfree license", "nixpkgs.config.allowUnfreePredicate"]);
}

#[test]
fn a_newer_nix_applies_a_fleet_with_submodules_to_a_host_with_an_older_one() {
    let lab = Lab::boot(&Plan::of_test().only("web-1").operator(Upgrade::newer_nix())).unwrap();
    let operator = lab.operator().unwrap();
    let page = "set -e; git config --global protocol.file.allow always; git config --global user.email ada@operator; \
                git config --global user.name ada; git init -q ~/pages; cd ~/pages; echo hello > page; git add page; \
                git commit -qm page; cd ~/fleet; git init -q; git add .; git submodule --quiet add ~/pages pages; git commit -qm fleet";
    operator.types(page).unwrap().success().unwrap();
    let source = "nixfleet.files.\"/etc/page\".source = ../pages/page;\n\n  # Debian has a file";
    operator.edits("roles/web.nix", "# Debian has a file", source).unwrap();

    let finished = operator.types("nixfleet plan --host web-1").unwrap();
    assert_says(
        &finished,
        1,
        &["NF-201", "roles/web.nix:", "submodule pages", "--flake '/home/ada/fleet?submodules=1'"],
    );

    let flags = "--host web-1 --flake '.?submodules=1'";
    assert_eq!(applies(&lab, flags), outcomes_of([("web-1", "ok")]));
    assert_eq!(applies(&lab, flags), outcomes_of([("web-1", "unchanged")]));
    assert_eq!(lab.guest("web-1").unwrap().ask("cat /etc/page").unwrap(), "hello");
    let in_environment =
        "cd / && NIXFLEET_FLAKE='/home/ada/fleet?submodules=1' nixfleet plan --exit-code --host web-1";
    assert_says(&operator.types(in_environment).unwrap(), 0, &[]);

    let history = operator.types("nixfleet history --json").unwrap();
    let revision = operator.types("git rev-parse HEAD").unwrap();
    assert_says(&history, 0, &["\"/home/ada/fleet?submodules=1\"", revision.line()]);
}
