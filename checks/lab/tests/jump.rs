//! Tests of hosts whose address only `ssh` understands: an alias in the user's SSH configuration, for a host
//! behind a jump host.

use crate::stage::shared::FRESH;
use crate::stage::{generation, outcomes, outcomes_of};

const CONFIG: &str = "Host inner\n  HostName web-2\n  ProxyJump deploy@web-1\n";

#[test]
fn a_check_from_here_goes_where_ssh_goes_or_is_refused_before_the_change() {
    let lab = FRESH.turn();
    let (web, operator) = (lab.guest("web-2").unwrap(), lab.operator().unwrap());
    let files = operator.guest().files().unwrap();
    files.write("/home/ada/.ssh/config", CONFIG).unwrap();
    operator.edits("fleet.nix", "addr = \"web-2\";", "addr = \"inner\";").unwrap();
    let before = "  nixfleet.systemd.units.\"web.service\".sections = {";
    let checks = r#"  nixfleet.healthChecks = {
    door = { tcp.port = 22; from = "operator"; };
    page = { http.url = "http://inner:8080/"; from = "operator"; };
  };"#;
    operator.edits("roles/web.nix", before, &format!("{checks}\n{before}")).unwrap();

    let apply = || operator.types_for_json("nixfleet apply --yes --json --host web-2").unwrap();
    let (finished, document) = apply();
    assert_eq!(outcomes(&document), outcomes_of([("web-2", "ok")]), "{finished}");
    operator.types("nixfleet check --host web-2").unwrap().success().unwrap();

    // From here on, the host is reachable only through the jump host.
    web.ask(&format!("ip route add blackhole {}/32", operator.guest().addr())).unwrap();
    operator.edits("roles/web.nix", "message = \"hello\";", "message = \"hello again\";").unwrap();
    let (finished, document) = apply();
    assert_eq!(outcomes(&document), outcomes_of([("web-2", "blocked")]), "{finished}");
    let problem = &document["hosts"][0]["problem"];
    assert_eq!(problem["code"], "NF-418", "{finished}");
    for saying in ["deploy@web-1", "healthChecks.door.from = \\\"host\\\"", "tcp.host"] {
        assert!(problem.to_string().contains(saying), "nothing says `{saying}`: {problem:#}");
    }
    assert_eq!(generation(web), 1);

    // If the host runs the checks itself, the change succeeds.
    let edit = "sed -i 's/ from = \"operator\";//; s/inner:8080/localhost:8080/' roles/web.nix";
    operator.types(edit).unwrap().success().unwrap();
    let (finished, document) = apply();
    assert_eq!(outcomes(&document), outcomes_of([("web-2", "ok")]), "{finished}");
}

/// The number of hosts that are reached through the jump host. All of them are one machine with several
/// names.
const MANY: usize = 16;

#[test]
fn a_jump_host_that_bears_few_logins_at_once_is_no_obstacle_to_many_hosts() {
    let lab = FRESH.turn();
    let (gate, operator) = (lab.guest("web-1").unwrap(), lab.operator().unwrap());
    let names: Vec<String> = (1..=MANY).map(|number| format!("inner-{number}")).collect();
    let config = "Host inner-*\n  HostName web-2\n  HostKeyAlias web-2\n  ProxyJump deploy@web-1\n";
    operator.guest().files().unwrap().write("/home/ada/.ssh/config", config).unwrap();
    let hosts: String =
        names.iter().map(|name| format!("  hosts.{name}.addr = \"{name}\";\n")).collect::<Vec<_>>().concat();
    operator.edits("fleet.nix", "  hosts.web-1 = {", &format!("{hosts}  hosts.web-1 = {{")).unwrap();
    // While three connections have not logged in yet, sshd rejects every further connection.
    let bears = "echo 'MaxStartups 3:100:3' > /etc/ssh/sshd_config.d/00-few.conf && systemctl reload ssh";
    gate.ask(bears).unwrap();

    let (finished, document) =
        operator.types_for_json("nixfleet run --json --on 'inner-*' -- hostname").unwrap();
    let expected = names.iter().map(|name| (name.clone(), "ok".to_owned())).collect();
    assert_eq!(outcomes(&document), expected, "{finished}");
    let (finished, document) = operator.types_for_json("nixfleet plan --json --on 'inner-*'").unwrap();
    assert_eq!(finished.code, 0, "{finished}");
    assert_eq!(document["hosts"].as_array().unwrap().len(), MANY, "{finished}");
    // The jump host has rejected connections, but has not penalized the operator's address.
    let log = gate.ask("journalctl --sync; journalctl --unit ssh.service --output cat").unwrap();
    assert!(log.contains("drop connection"), "{log}");
    assert!(!log.contains("activating penalty"), "{log}");
}

/// A program that acts as two hostile hosts. The first host closes its first connection. It passes later
/// connections to the real sshd, and forges an error of the jump host there. The second host accepts
/// connections, and never sends an SSH banner.
const EVIL: &str = r#"
use IO::Socket::INET;
my ($server, $mute) = map { IO::Socket::INET->new(LocalPort => $_, Listen => 99, ReuseAddr => 1) or die } 2201, 2202;
$SIG{CHLD} = 'IGNORE';
open(F, '>', '/run/evil');
if (!fork) { my @held; while (my $client = $mute->accept) { push @held, $client; open(F, '>', '/run/mute') } }
$server->accept;
while (my $client = $server->accept) {
  fork and next;
  open(STDIN, '<&', $client); open(STDOUT, '>&', $client);
  exec('/usr/sbin/sshd', '-i', '-o', "ForceCommand=echo 'deploy\@web-1: Permission denied (publickey).' >&2; exit 255");
}
"#;

#[test]
fn no_hosts_shut_the_jump_host_for_others() {
    let lab = FRESH.turn();
    let (gate, evil, operator) =
        (lab.guest("web-1").unwrap(), lab.guest("db-1").unwrap(), lab.operator().unwrap());
    let config = "Host inner-*\n  HostName web-2\n  HostKeyAlias web-2\n  ProxyJump deploy@web-1\n\
                  Host evil\n  HostName db-1\n  HostKeyAlias db-1\n  ProxyJump deploy@web-1\n";
    operator.guest().files().unwrap().write("/home/ada/.ssh/config", config).unwrap();
    let inner = |number| format!("  hosts.inner-{number}.addr = \"inner-{number}\";\n");
    let hosts: String = (1..=3 * MANY).map(inner).collect::<Vec<_>>().concat();
    let evils = "  hosts.evil = { addr = \"evil\"; ssh.port = 2201; };\n  hosts.mute = { addr = \"evil\"; ssh.port = 2202; timeouts.connect = 2; };\n";
    let hosts = format!("{hosts}{evils}  hosts.web-1 = {{");
    operator.edits("fleet.nix", "  hosts.web-1 = {", &hosts).unwrap();
    let bears = "echo 'MaxStartups 3:100:3' > /etc/ssh/sshd_config.d/00-few.conf && systemctl reload ssh";
    gate.ask(bears).unwrap();
    evil.files().unwrap().write("/opt/evil.pl", EVIL).unwrap();
    evil.ask("systemd-run --quiet --collect --unit=evil perl /opt/evil.pl").unwrap();
    let limit = std::time::Duration::from_secs(30);
    nixfleet_lab::command::wait_until("evil waits", limit, || Ok(evil.sh("test -e /run/evil")?.ok()))
        .unwrap();

    let (finished, document) = operator
        .types_for_json("timeout 90 nixfleet run --json --on 'inner-* or evil or mute' -- hostname")
        .unwrap();
    let mut expected: std::collections::BTreeMap<String, String> =
        (1..=3 * MANY).map(|number| (format!("inner-{number}"), "ok".to_owned())).collect();
    let all = document["hosts"].as_array().unwrap();
    let evils = &all.iter().find(|host| host["host"] == "evil").unwrap()["problem"];
    assert!(evils.to_string().contains("deploy@web-1: Permission denied"), "it came to nothing: {evils:#}");
    evil.ask("test -e /run/mute").unwrap();
    expected.extend(["evil", "mute"].map(|name| (name.to_owned(), "unreachable".to_owned())));
    assert_eq!(outcomes(&document), expected, "{finished}");
    let log = gate.ask("journalctl --sync; journalctl --unit ssh.service --output cat").unwrap();
    assert!(log.contains("drop connection"), "nobody was sent away: {log}");
}
