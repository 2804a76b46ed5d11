//! Tests of hosts that stop answering at any step of a change.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use nixfleet_lab::command::wait_until;
use nixfleet_lab::lab::{Lab, Plan};

use super::becomes;
use crate::stage::outcomes;

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
