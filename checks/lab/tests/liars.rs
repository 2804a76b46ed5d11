//! Tests of a malicious fleet that tries to access the operator's own files, and of hosts that send false
//! answers.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use nixfleet_lab::command::wait_until;
use nixfleet_lab::lab::{Lab, Plan};
use serde_json::{Value, json};

use crate::stage::shared::MANAGED_WEB;
use crate::stage::{adds, applies, assert_says, generation, lone, outcomes, outcomes_of};

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

/// Replaces `sudo` on web-1 with a program. The real `sudo` is moved to `/opt`.
fn becomes(lab: &Lab, sudo: &str) {
    let web = lab.guest("web-1").unwrap();
    web.ask("test -e /opt/sudo || mv /usr/bin/sudo /opt; rm -f /usr/bin/sudo").unwrap();
    web.files().unwrap().write("/usr/bin/sudo", sudo).unwrap();
    web.ask("chmod 755 /usr/bin/sudo").unwrap();
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
    let in_store = format!("grep -rl --exclude=liars.rs '{PRIVATE}' /nix/store || true");
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

/// The name of a lie, and a function that makes a false answer from two real answers.
type Lie = (&'static str, fn(&str, &str) -> Vec<u8>);

/// Ways to falsify an answer. The first argument is the real answer, and the second is the answer to another
/// query.
const LIES: [Lie; 13] = [
    ("cut off", |truth, _| truth.as_bytes()[..truth.len() / 2].to_vec()),
    ("twice", |truth, _| truth.repeat(2).into()),
    ("of another version", |truth, _| truth.replacen("\"schema\":1", "\"schema\":2", 1).into()),
    ("without a version", |truth, _| truth.replacen("\"schema\":1,", "", 1).into()),
    ("of another kind", |_, other| other.into()),
    ("not a number", |truth, _| truth.replacen("\"schema\":1", "\"schema\":NaN", 1).into()),
    ("a huge number", |truth, _| truth.replacen("\"schema\":1", "\"schema\":1e999", 1).into()),
    ("two versions", |truth, _| truth.replacen("\"schema\":1", "\"schema\":1,\"schema\":1", 1).into()),
    ("half a letter", |truth, _| {
        truth
            .replace("web-1", "\\ud800")
            .replace("/etc/motd", "/\\ud800")
            .replacen("\"number\":1", "\"number\":\"\\udc00\"", 1)
            .into()
    }),
    ("no text", |_, _| b"{\"schema\":1,\"host\":\"\xff\xfe\"}".to_vec()),
    ("deep", |_, _| format!("{{\"schema\":1,\"host\":{}", "[".repeat(200_000)).into()),
    ("many", |_, _| format!("{{\"schema\":1,\"kept\":[{}0]}}", "0,".repeat(5_000_000)).into()),
    ("a word", |_, _| b"ok\n2 hosts: 2 ok\n".to_vec()),
];

/// Each command, the subcommand of the activator that answers it, and another subcommand, whose answer can be
/// sent instead.
const QUESTIONS: [(&str, &str, &str); 6] = [
    ("status", "status", "plan"),
    ("plan", "plan", "status"),
    ("rollback --yes", "rollback", "status"),
    ("check", "health", "status"),
    ("gc --yes", "gc", "status"),
    ("backups list", "backups", "status"),
];

#[test]
fn no_lie_is_taken_for_the_answer_to_a_question() {
    let lab = MANAGED_WEB.turn();
    let (web, operator) = (lab.guest("web-1").unwrap(), lab.operator().unwrap());
    operator.edits("roles/web.nix", "message = \"hello\"", "message = \"hello again\"").unwrap();
    assert_eq!(applies(&lab, "--host web-1"), outcomes_of([("web-1", "ok")]));
    let keeps = "#!/bin/sh\nif [ -e /tmp/lie ]; then cat > /dev/null; cat /tmp/lie; exit 0; fi\n\
                 /opt/sudo \"$@\" > /tmp/said; code=$?; cp /tmp/said /tmp/true-$4; cat /tmp/said; exit $code\n";
    becomes(&lab, keeps);
    let files = web.files().unwrap();
    let ask = |command: &str| operator.types(&format!("nixfleet {command} --json --host web-1")).unwrap();
    // The real answers, by subcommand. The rollback is only previewed, and declined at the prompt.
    let truths: BTreeMap<&str, String> = QUESTIONS
        .iter()
        .map(|(command, answered_by, _)| {
            let asked = if command.starts_with("rollback") {
                operator.types("echo n | script -qec 'nixfleet rollback --host web-1' /dev/null").unwrap()
            } else {
                ask(command)
            };
            (
                *answered_by,
                files.text(&format!("/tmp/true-{answered_by}")).unwrap_or_else(|_| panic!("{asked}")),
            )
        })
        .collect();
    let mut broken = Vec::new();
    for (command, answered_by, other) in QUESTIONS {
        for (what, lie) in LIES {
            files.write("/tmp/lie", lie(&truths[answered_by], &truths[other])).unwrap();
            let began = Instant::now();
            let finished = ask(command);
            let took = began.elapsed();
            let code = serde_json::from_str::<Value>(&finished.stdout)
                .ok()
                .map(|read| read["hosts"][0]["problem"]["code"].clone());
            if code != Some(json!("NF-307"))
                || finished.ok()
                || took > Duration::from_secs(10)
                || finished.stderr.contains("bug")
            {
                broken.push(format!("{command}, {what}, {took:?}: {finished}"));
            }
        }
        web.ask("rm /tmp/lie").unwrap();
    }
    assert!(broken.is_empty(), "{} of them:\n{}", broken.len(), broken.join("\n"));
    assert_eq!(generation(web), 2);
}

/// A program that answers in place of Nix and the activator. It claims that the store of the host has all
/// paths already, reads the rest of the input, and then reports that the change succeeded.
const CLAIMS: &str = r#"
sub number { read(STDIN, my $bytes, 8) == 8 or exit; unpack('Q<', $bytes) }
sub text { my $length = number(); read(STDIN, my $bytes, $length + (-$length) % 8); substr($bytes, 0, $length) }
sub say_number { print pack('Q<', $_[0]) }
$| = 1;
number(); number(); say_number(0x5452eecb); say_number(0x207);
for (1..2) {
  number(); number(); number();
  my @paths = map { text() } 1..number();
  say_number(scalar @paths);
  for (@paths) { say_number(length); print $_, "\0" x ((-length) % 8) }
}
1 while read(STDIN, my $rest, 4096);
print qq({"schema":1,"host":"$ARGV[0]","outcome":"ok","before":null,"after":{"number":2,"closure":"$ARGV[1]"},"stepsDone":3,),
  qq("kept":[],"problem":null,"recovered":null,"durationMs":5}\n);
"#;

/// A program that listens on several ports. On each port, it answers in a way in which no sshd answers.
const DOORS: &str = r#"
use IO::Socket::INET;
my @doors = (
  sub { },
  sub { print {$_[0]} 'SSH-2.0-x'; sleep 600 },
  sub { for (;;) { print {$_[0]} "wait\r\n" or return; sleep 1 } },
  sub { print {$_[0]} "SSH-2.0-OpenSSH_9.9\r\n"; sleep 600 },
  sub { print {$_[0]} "SSH-2.0-OpenSSH_9.9\r\n", join('', map { chr rand 256 } 1..9999) },
);
$SIG{CHLD} = 'IGNORE';
for my $door (0..$#doors) {
  fork and next;
  my $server = IO::Socket::INET->new(LocalPort => 2201 + $door, Listen => 9, ReuseAddr => 1) or die;
  while (my $client = $server->accept) { fork and next; $client->autoflush(1); $doors[$door]->($client); exit }
}
open(F, '>', '/run/doors'); sleep 600;
"#;

/// For each of several hosts: its behavior when it is to receive and activate a closure, and the texts that
/// the reported problem must contain. All these hosts are one machine with several addresses.
const STOPS: [(&str, &[&str]); 8] = [
    // This host never reads its input.
    ("change) exec sleep 600 ;;", &["NF-301", "did not answer in time"]),
    ("change) exec head -c 100000 /dev/urandom ;;", &["NF-306"]),
    ("change) exit 0 ;;", &["NF-306"]),
    ("change) exec perl /opt/claims.pl \"$name\" \"$8\" ;;", &["NF-307", "never requested it"]),
    ("change) serves \"$@\"; printf '{\"schema\":1,\"host\"'; exec sleep 600 ;;", &["NF-301"]),
    // This host sends the report of an earlier change when it is asked about the current change.
    (
        "change) serves \"$@\"; hangs_up ;; follow) report /nix/store/old; exit ;;",
        &["NF-307", "reports /nix/store/old"],
    ),
    (
        "change) serves \"$@\"; hangs_up ;; follow) exec sleep 600 ;;",
        &[
            "NF-307",
            "the outcome of the change \
                                                                                  is unknown",
        ],
    ),
    ("change) serves \"$@\"; report \"$8\"; report \"$8\"; exit 1 ;;", &["NF-307", "never requested it"]),
];

/// Returns the program that replaces `sudo` on all hosts of [`STOPS`].
fn stops() -> String {
    let case = |(number, (stops, _)): (usize, &(&str, _))| {
        format!("10.0.1.5{number}) name=liar-{number}; case $step in {stops} esac ;;\n")
    };
    let cases: Vec<String> = STOPS.iter().enumerate().map(case).collect();
    format!(
        r#"#!/bin/sh
serves() {{ /opt/sudo -n -- "$7" --serve --write; }}
report() {{
  printf '{{"schema":1,"host":"%s","outcome":"ok","before":null,"after":{{"number":2,"closure":"%s"}},"stepsDone":3,' "$name" "$1"
  echo '"kept":[],"problem":null,"recovered":null,"durationMs":5}}'
}}
hangs_up() {{
  process=$$
  until [ "$(cat /proc/$process/comm)" = sshd-session ]; do process=$(awk '/^PPid/ {{ print $2 }}' /proc/$process/status); done
  kill -KILL $process
}}
case $4:$5 in
  -c:*--serve*apply*) step=change ;;
  *) step=$4 ;;
esac
here=${{SSH_CONNECTION#* * }}
case ${{here% *}} in
{}esac
exec /opt/sudo "$@"
"#,
        cases.concat()
    )
}

/// The time limit for all hosts together. It is the sum of the fleet's timeouts for the consecutive steps of
/// one host.
const LIMIT: Duration = Duration::from_secs(45);

#[test]
fn hosts_that_stop_at_any_step_are_given_up_and_the_others_are_not() {
    let lab = Lab::boot(&Plan::of_test()).unwrap();
    let (web, operator) = (lab.guest("web-1").unwrap(), lab.operator().unwrap());
    becomes(&lab, &stops());
    for (path, text) in [("/opt/claims.pl", CLAIMS), ("/opt/doors.pl", DOORS)] {
        web.files().unwrap().write(path, text).unwrap();
    }
    web.ask("chmod a+r /opt/*.pl; systemd-run --quiet --collect perl /opt/doors.pl").unwrap();
    wait_until("the doors are open", LIMIT, || Ok(web.sh("test -e /run/doors")?.ok())).unwrap();
    let mut hosts = String::new();
    for number in 0..STOPS.len() {
        web.ask(&format!("ip address add 10.0.1.5{number}/24 dev host0")).unwrap();
        writeln!(hosts, "  hosts.liar-{number} = {{ addr = \"10.0.1.5{number}\"; roles = [ \"liar\" ]; }};")
            .unwrap();
    }
    for number in 1..=5 {
        writeln!(
            hosts,
            "  hosts.door-{number} = {{ addr = \"web-1\"; ssh.port = 220{number}; roles = [ \"liar\" ]; }};"
        )
        .unwrap();
    }
    let times = "defaults.timeouts = { connect = 4; silence = 4; answer = 15; copy = 5; change = 5; rejoin = 5; };\n  \
                 roles.liar = { name, ... }: { nixfleet.files.\"/etc/liar\".text = name; };\n";
    let all = format!("{times}{hosts}  defaults.ssh.user = \"deploy\";");
    operator.edits("fleet.nix", "defaults.ssh.user = \"deploy\";", &all).unwrap();
    let files = operator.guest().files().unwrap();
    files.write("/home/ada/.ssh/config", "Host 10.0.1.5*\n  HostKeyAlias web-1\n").unwrap();

    let began = Instant::now();
    let apply = "nixfleet apply --yes --json --on 'liar-* or door-* or web-2 or db-1' --strategy all-at-once --max-failures 99 --confirm-timeout 5";
    let (finished, document) = operator.types_for_json(apply).unwrap();
    let took = began.elapsed();

    println!("{took:?}");
    assert!(took < LIMIT, "{took:?}: {finished}");
    let ended = outcomes(&document);
    assert_eq!(ended.len(), STOPS.len() + 5 + 2, "{finished}");
    let results = document["hosts"].as_array().unwrap();
    for (host, outcome) in &ended {
        let problem = &results.iter().find(|result| result["host"] == host.as_str()).unwrap()["problem"];
        println!("{host} {outcome} {problem}");
        let sayings: &[&str] = match host.split_once('-').unwrap() {
            ("liar", number) => STOPS[number.parse::<usize>().unwrap()].1,
            ("door", _) => &["NF-301"],
            _ => {
                assert_eq!(outcome, "ok", "{host}: {finished}");
                continue;
            }
        };
        assert!(["failed", "unreachable"].contains(&outcome.as_str()), "{host} is {outcome}: {finished}");
        for saying in sayings {
            assert!(problem.to_string().contains(saying), "nothing of {host} says `{saying}`: {problem:#}");
        }
    }
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

/// A text with a line that looks like NixFleet's output, a link and a title for the terminal, and characters
/// that reverse text, break lines or are invisible.
const HOSTILE: &str = "w\r2 hosts: 2 ok\u{1b}]8;;http://evil\u{1b}\\x\u{1b}]8;;\u{7}\u{9b}2J\u{202e}\u{2066}\u{2028}\u{e0041}\u{200b}\n2 hosts: 2 ok";

#[test]
fn no_text_of_a_host_forges_a_line_wherever_it_is_told() {
    let lab = MANAGED_WEB.turn();
    let (web, operator) = (lab.guest("web-1").unwrap(), lab.operator().unwrap());
    let says = "notifications.all = { kind = \"command\"; command = [ \"/usr/bin/tee\" \"-a\" \"/home/ada/told\" ]; \
                on = [ \"start\" \"success\" \"failure\" \"pause\" ]; };\n  defaults.ssh.user = \"deploy\";";
    operator.edits("fleet.nix", "defaults.ssh.user = \"deploy\";", says).unwrap();
    operator.edits("roles/web.nix", "message = \"hello\"", "message = \"hello again\"").unwrap();
    let generation = json!({ "number": 1, "closure": format!("/nix/store/{HOSTILE}") });
    let report = json!({
        "schema": 1, "host": HOSTILE, "outcome": "failed", "before": generation, "after": generation,
        "stepsDone": 1, "kept": [HOSTILE], "notes": [HOSTILE], "recovered": HOSTILE, "durationMs": 5,
        "problem": { "code": "NF-406", "what": HOSTILE, "where": HOSTILE, "why": HOSTILE, "help": HOSTILE },
        "healthChecks": [{ "name": HOSTILE, "kind": HOSTILE, "from": "host", "passed": false, "attempts": 1,
            "durationMs": 5,
                           "detail": HOSTILE, "onFailure": "stop" }],
    });
    web.files().unwrap().write("/tmp/report", format!("{report}\n")).unwrap();
    becomes(
        &lab,
        "#!/bin/sh\ncase $4:$5 in -c:*--serve*apply*) /opt/sudo -n -- \"$7\" --serve --write; cat /tmp/report; \
         printf '\\033]0;owned\\007\\n' >&2; exit 1 ;; esac\nexec /opt/sudo \"$@\"\n",
    );
    let on_a_terminal = |line: &str| format!("script -qec '{line}' /dev/null");
    let apply = "nixfleet apply --yes --host web-1";
    let (resume, show) = ("nixfleet apply --yes --resume", "nixfleet history show last");
    let shown = [
        apply.to_owned(),
        on_a_terminal(apply),
        on_a_terminal(&format!("{apply} -v")),
        on_a_terminal(&format!("{apply} --json")),
        on_a_terminal(&format!("{apply} --events")),
        on_a_terminal(resume),
        show.to_owned(),
        on_a_terminal(show),
        on_a_terminal(&format!("{show} --json")),
        on_a_terminal("nixfleet history"),
        on_a_terminal("nixfleet history --host web-1 -v"),
        "cat ~/told".to_owned(),
    ];
    let mut silent = Vec::new();
    for line in shown {
        let finished = operator.types(&line).unwrap();
        let said = format!("{}{}", finished.stdout, finished.stderr);
        if !said.contains("2 hosts: 2 ok") {
            silent.push(line.clone());
        }
        let hidden = ['\u{7}', '\u{9b}', '\u{202e}', '\u{2066}', '\u{2028}', '\u{e0041}', '\u{200b}'];
        assert!(!said.contains(hidden) && !said.contains("\u{1b}]"), "{line}: {said:?}");
        let forged = said.split(['\n', '\r']).find(|line| line.starts_with("2 hosts: 2 ok"));
        assert_eq!(forged, None, "{line}: {finished}");
    }
    assert!(silent.len() < 2, "nobody is told of it: {silent:#?}");
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
