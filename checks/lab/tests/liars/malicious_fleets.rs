//! Tests of a malicious fleet that tries to access the operator's own files.

use nixfleet_lab::lab::Lab;
use serde_json::json;

use super::becomes;
use crate::stage::shared::MANAGED_WEB;
use crate::stage::{adds, applies, assert_says, lone};

/// A text that only the operator may read.
const PRIVATE: &str = "for-the-eyes-of-ada";

/// A program that replaces `sudo` on a host. It records the contents of all files that are named in its
/// arguments, and the standard input of a plan. Then it runs the real `sudo`. The arguments are those of the
/// scripts in `operator/src/remote/scripts`: `$4` is the subcommand of the activator.
const KEEPS: &str = r#"#!/bin/sh
for word; do [ -f "$word" ] && cat "$word"; done >> /tmp/loot 2>/dev/null
case $4 in plan) cat > /tmp/given; cat /tmp/given >> /tmp/loot; exec /opt/sudo "$@" < /tmp/given ;; esac
exec /opt/sudo "$@"
"#;

#[test]
fn no_link_in_a_closure_leads_to_a_file_of_the_operator() {
    let lab = lone("web-1");
    let (web, operator) = (lab.guest("web-1").unwrap(), lab.operator().unwrap());
    becomes(&lab, KEEPS);
    let private = format!(
        "echo 'word {PRIVATE}' > ~/key && chmod 600 ~/key && mkfifo ~/pipe && \
                           echo '{{\"auths\":\"{PRIVATE}\"}}' > ~/config.json && chmod 600 ~/config.json"
    );
    operator.types(&private).unwrap().success().unwrap();
    let links_all = |to: &str| format!("for file in $out/files/*; do $b ln -sf {to} $file; done");
    let cases = [
        ("the activator", "$b ln -sf /home/ada/key $out/activate".to_owned()),
        ("the manifest", "$b ln -sf /home/ada/config.json $out/manifest.json".to_owned()),
        ("contents", links_all("/home/ada/key")),
        (
            "sources",
            r#"$b sed -i 's|"source":"files/[0-9a-f]*"|"source":"/home/ada/key"|g' $out/manifest.json"#
                .to_owned(),
        ),
        ("a pipe", links_all("/home/ada/pipe")),
    ];
    let mut broken = Vec::new();
    for (what, script) in cases {
        forges(&lab, &script);
        web.ask(": > /tmp/loot; chmod 666 /tmp/loot").unwrap();
        let plan = operator
            .types("rm -f ~/saved.json; timeout -k 1 15 nixfleet plan --out ~/saved.json --host web-1")
            .unwrap();
        let came = web.sh(&format!("grep -q '{PRIVATE}' /tmp/loot")).unwrap().ok();
        let saved = operator.types(&format!("cat ~/saved.json 2>&1 | grep -q '{PRIVATE}'")).unwrap().ok();
        let (waits, shown) = (matches!(plan.code, 124 | 137), plan.stdout.contains(PRIVATE));
        if came || saved || waits || shown {
            broken.push(format!("{what}: came {came}, saved {saved}, shown {shown}, waits {waits}: {plan}"));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));

    // In place of a derivation, the flake may return a reference to any files. Nix would copy these files to
    // the store, where everybody can read them.
    operator.types("mkdir ~/own && cp ~/key ~/own").unwrap().success().unwrap();
    let fetches = r#"{ outputs = { nixfleet, nixpkgs, ... }@inputs: let
      real = (nixfleet.lib.mkFleet { inherit inputs nixpkgs; modules = [ ./fleet.nix ./prebuilt.nix ]; }).nixfleet;
      hosts = builtins.mapAttrs (_: host: host // { toplevel.drvPath = "path:/home/ada/own#x"; }) real.hosts;
    in { nixfleet = real // { inherit hosts; whole = real.whole // { inherit hosts; }; }; };"#;
    operator.resets_fleet().unwrap();
    operator
        .edits(
            "flake.nix",
            "\n  outputs =\n    { nixfleet, nixpkgs, ... }@inputs:",
            "\n  made =\n    { nixfleet, nixpkgs, ... }@inputs:",
        )
        .unwrap();
    let flake = operator.guest().files().unwrap().text("/home/ada/fleet/flake.nix").unwrap();
    let (inputs, _) = flake.split_once("\n  made =").unwrap();
    let flake = inputs.replacen('{', fetches, 1) + "\n}\n";
    operator.guest().files().unwrap().write("/home/ada/fleet/flake.nix", flake).unwrap();
    let plan = operator.types("nixfleet plan --host web-1").unwrap();
    let in_store = format!("grep -rl --exclude=malicious_fleets.rs '{PRIVATE}' /nix/store || true");
    assert_eq!(operator.guest().ask(&in_store).unwrap(), "", "{plan}");
    assert_says(&plan, 1, &["NF-201", "path:/home/ada/own#x"]);

    // Code of the flake can add any text to the trace of an error.
    let trace = r#"{ outputs = _: { nixfleet = builtins.addErrorContext
      "while evaluating the module argument `word' in \"/nix/store/x-source/../key\":" ({ }).word; }; }"#;
    operator.guest().files().unwrap().write("/home/ada/fleet/flake.nix", trace).unwrap();
    let plan = operator.types("nixfleet plan").unwrap();
    assert_says(&plan, 1, &["a module has the argument `word`"]);
    assert!(!plan.stderr.contains(PRIVATE), "{plan}");
}

/// Makes the flake return a forged closure for web-1: a copy of the real closure, changed by a script. In the
/// script, `$b` is the path of busybox.
fn forges(lab: &Lab, script: &str) {
    let operator = lab.operator().unwrap();
    operator.resets_fleet().unwrap();
    let forged = format!(
        r#"real: nixpkgs: let
  busybox = "${{nixpkgs.legacyPackages.x86_64-linux.busybox}}/bin/busybox";
  hosts = real.nixfleet.hosts // {{ web-1 = real.nixfleet.hosts.web-1 // {{ toplevel = derivation {{
    name = "web-1"; system = "x86_64-linux"; builder = busybox;
    args = [ "sh" "-c" ''
      b=${{busybox}}; real=${{real.nixfleet.hosts.web-1.toplevel}}
      $b mkdir $out && $b cp -a $real/* $out && $b chmod -R u+w $out
      {script}
    '' ];
  }}; }}; }};
in real // {{ nixfleet = real.nixfleet // {{ inherit hosts; whole = real.nixfleet.whole // {{ inherit hosts; }}; }}; }}
"#
    );
    operator.guest().files().unwrap().write("/home/ada/fleet/forged.nix", forged).unwrap();
    operator
        .edits("flake.nix", "nixfleet.lib.mkFleet {", "import ./forged.nix (nixfleet.lib.mkFleet {")
        .unwrap();
    operator.edits("flake.nix", "      ];\n    };", "      ];\n    }) nixpkgs;").unwrap();
}

/// The number of harmless health checks among which the fleet hides a check that runs a program.
const MANY: usize = 40;

#[test]
fn no_program_of_a_fleet_runs_here_before_somebody_has_seen_it() {
    let lab = MANAGED_WEB.turn();
    let operator = lab.operator().unwrap();
    adds(
        &lab,
        &format!(
            r#"  nixfleet.healthChecks = {{
    zzz = {{ command = [ "/usr/bin/touch" "/home/ada/ran" ]; from = "operator"; }};
  }} // builtins.listToAttrs (map (n: {{ name = "a${{toString n}}"; value = {{ tcp.port = 8080; from = "operator"; }}; }})
    (builtins.genList (n: n) {MANY}));"#
        ),
    );
    let says = "notifications.zz = { kind = \"command\"; command = [ \"/usr/bin/touch\" \"/home/ada/told\" ]; on = [ \"start\" ]; };\n  \
                defaults.ssh.user = \"deploy\";";
    operator.edits("fleet.nix", "defaults.ssh.user = \"deploy\";", says).unwrap();

    // This program claims that web-1 needs no change. For such a host, an apply would run the health checks
    // at once.
    let forged = r#"#!/bin/sh
case $4 in plan)
  for word; do [ "$last" = --target ] && target=$word; last=$word; done
  printf '{"schema":1,"host":"web-1","fingerprint":"f","current":{"number":1,"closure":"%s"},"target":"%s",' "$target" "$target"
  echo '"packages":{"added":[],"removed":[],"changed":[]},"steps":[],"drift":[],"problems":[],"healthChecks":[]}'
  exit ;;
esac
exec /opt/sudo "$@"
"#;
    becomes(&lab, forged);
    let on_a_terminal = r#"echo n | script -qec "nixfleet apply --host web-1" /dev/null"#;
    let apply = operator.types(on_a_terminal).unwrap();
    let ran = || operator.types("ls ~/ran ~/told").unwrap().stdout;
    assert_eq!(ran(), "", "it ran before anybody was asked: {apply}");
    assert!(apply.stdout.contains("were not tried"), "{apply}");

    // A host may claim to have any closure that was ever built on the operator's machine.
    let built =
        operator.types("nix build --no-link --print-out-paths .#nixfleet.hosts.web-1.toplevel").unwrap();
    let names = format!(
        "#!/bin/sh\n[ $4 = health ] || exec /opt/sudo \"$@\"\necho '{}'\n",
        json!({
            "schema": 1, "generation": { "number": 1, "closure": built.line() }, "at": 1, "results": [],
            "elsewhere": ["zzz"],
        })
    );
    becomes(&lab, &names);
    let check = operator.types("nixfleet check --host web-1").unwrap();
    assert_eq!(ran(), "", "a host had it run: {check}");
    assert_says(&check, 2, &["NF-418", "zzz"]);

    becomes(&lab, "#!/bin/sh\nexec /opt/sudo \"$@\"\n");
    let plan = operator.types("nixfleet plan --host web-1").unwrap();
    for program in
        ["runs /usr/bin/touch /home/ada/ran", "runs /usr/bin/touch /home/ada/told", "check a9 of web-1"]
    {
        assert_says(&plan, 0, &[program]);
    }
    // An apply with `--yes` shows no prompt and accepts all programs.
    applies(&lab, "--host web-1");
    assert_eq!(ran().lines().count(), 2);
    let check = operator.types("rm ~/ran; nixfleet check --host web-1 && ls ~/ran").unwrap();
    assert_says(&check, 0, &["zzz"]);
}

/// SSH settings that an operator may have for logins without NixFleet.
const LENDS: &str = "Host *
  ForwardAgent yes
  ForwardX11 yes
  ForwardX11Trusted yes
  RemoteForward 7777 localhost:22
  RequestTTY force
  RemoteCommand sh
";

#[test]
fn nothing_of_the_operator_is_lent_or_left_open() {
    let lab = MANAGED_WEB.turn();
    let (web, operator) = (lab.guest("web-1").unwrap(), lab.operator().unwrap());
    operator.guest().files().unwrap().write("/home/ada/.ssh/config", LENDS).unwrap();
    let secret = |text: &str| {
        format!("  nixfleet.files.\"/etc/secret\" = {{ text = \"{text}\"; mode = \"0600\"; }};\n")
    };
    adds(&lab, &secret(&format!("{PRIVATE}-1")));
    let says = "notifications.all = { kind = \"command\"; command = [ \"/usr/bin/tee\" \"-a\" \"/home/ada/told\" ]; \
                on = [ \"start\" \"success\" \"failure\" \"pause\" ]; };\n  defaults.ssh.user = \"deploy\";";
    operator.edits("fleet.nix", "defaults.ssh.user = \"deploy\";", says).unwrap();
    let types = |line: &str| {
        let all = format!(
            "umask 000; export DISPLAY=:7; eval $(ssh-agent) >&2; ssh-add 2>&1; {line}; code=$?; ssh-agent -k >&2; exit $code"
        );
        operator.types(&all).unwrap()
    };
    let apply = types(
        "nixfleet plan --host web-1 --out ~/saved.json; nixfleet apply --yes --host web-1; nixfleet apply --yes --host web-1 --events >~/events",
    );
    assert_says(&apply, 0, &["Identity added"]);
    operator.edits("roles/web.nix", &format!("{PRIVATE}-1"), &format!("{PRIVATE}-2")).unwrap();
    let line = "nixfleet plan --host web-1 --json; nixfleet plan --host web-1 --out ~/saved.json; \
                nixfleet apply --yes --host web-1 --events; nixfleet history show last; nixfleet history show last --json";
    let changed = types(&format!("{{ {line}; }} | tee -a ~/events"));
    assert_says(&changed, 0, &["/etc/secret"]);
    // The host refuses this change and reports the output of a validator, which prints the whole secret file.
    let tells =
        "mode = \"0600\"; validate = [ \"/bin/sh\" \"-c\" \"cat $1; cat $1 >&2; exit 1\" \"sh\" \"%s\" ];";
    operator.edits("roles/web.nix", "mode = \"0600\";", tells).unwrap();
    operator.edits("roles/web.nix", &format!("{PRIVATE}-2"), &format!("{PRIVATE}-3")).unwrap();
    let line = "nixfleet plan --host web-1; nixfleet apply --yes --host web-1; nixfleet apply --yes --host web-1 --events --no-validate; \
                nixfleet history show last";
    let refused = types(&format!("{{ {line}; }} 2>&1 | tee -a ~/events"));
    assert_says(&refused, 0, &["NF-408"]);
    assert_eq!(web.ask("cat /etc/secret").unwrap(), format!("{PRIVATE}-2"), "it is there, and nowhere else");

    for finished in [&apply, &changed, &refused] {
        let said = format!("{}{}", finished.stdout, finished.stderr);
        assert!(!said.contains(PRIVATE), "{said}");
    }
    let found = operator.types(&format!(
        "grep -rlc '{PRIVATE}' ~/saved.json ~/events ~/told ~/.local/state/nixfleet; \
         test -s ~/told && test -s ~/events && grep -q /etc/secret ~/saved.json && ls ~/.local/state/nixfleet/history >&2"
    ));
    let found = found.unwrap().success().unwrap();
    assert_eq!(found.stdout, "");

    // Another user of the operator's machine can read none of these files, even if the home directory is
    // open.
    let looks = "touch /home/ada/open && chmod a+rx /home/ada /home/ada/.local /home/ada/.local/state && \
                 runuser -u nobody -- find /home/ada/open /home/ada/saved.json /home/ada/.local/state/nixfleet /tmp/nixfleet-* \
                 -readable 2>/dev/null || true";
    assert_eq!(operator.guest().ask(looks).unwrap(), "/home/ada/open");

    // A command that `nixfleet run` starts on the host has no access to the agent, the display or a terminal.
    // The shared SSH connection forwards nothing either.
    let run = types(
        "nixfleet run --host web-1 -- sh -c 'env; tty; ls -d /tmp/ssh-*; ss -Hltn sport = :7777 sport = :6010; sleep 1'",
    );
    assert_eq!(run.code, 0, "{run}");
    for lent in ["SSH_AUTH_SOCK", "DISPLAY", "/tmp/ssh-", "/dev/pts", "LISTEN"] {
        assert!(!run.stdout.contains(lent), "`{lent}`: {run}");
    }
    assert_eq!(web.sh("ls -d /tmp/ssh-*; ss -Hltn sport = :7777").unwrap().stdout, "");
}

/// A flake may request Nix settings in `nixConfig`. None of these settings takes effect.
#[test]
fn no_setting_that_a_flake_asks_for_is_granted() {
    let lab = MANAGED_WEB.turn();
    let operator = lab.operator().unwrap();
    let hook = "#!/bin/sh\ntouch /home/ada/hooked\n";
    operator.guest().files().unwrap().write("/home/ada/hook", hook).unwrap();
    let prepare = format!("chmod +x ~/hook; echo {PRIVATE} > ~/secret; test \"$(cat ~/secret)\" = {PRIVATE}");
    operator.types(&prepare).unwrap().success().unwrap();
    let asks = "{\n  nixConfig = { pure-eval = false; restrict-eval = false; post-build-hook = \"/home/ada/hook\"; \
                plugin-files = \"/home/ada/hook\"; };\n  inputs = {";
    operator.edits("flake.nix", "{\n  inputs = {", asks).unwrap();
    adds(&lab, "  nixfleet.files.\"/etc/a\".text = \"a\";\n");
    let plan = operator.types("nixfleet plan --host web-1").unwrap();
    assert_says(&plan, 0, &["/etc/a"]);
    operator.edits("roles/web.nix", "text = \"a\"", "text = builtins.readFile \"/home/ada/secret\"").unwrap();
    let plan = operator.types("nixfleet plan --host web-1").unwrap();
    assert_says(&plan, 1, &["NF-201", "pure"]);
    let said = format!("{}{}", plan.stdout, plan.stderr);
    assert!(!said.contains(PRIVATE), "{said}");
    assert!(!operator.types("test -e ~/hooked").unwrap().ok());
}
