//! Tests of everyday mistakes and failures. Each of them leads to an error that says what happened, where,
//! why and what to do, and leaves the hosts unchanged.

use nixfleet_lab::command::Finished;
use nixfleet_lab::guest::Guest;
use nixfleet_lab::lab::Lab;
use serde_json::Value;

use crate::stage::shared::{FRESH, FRESH_WEB, MANAGED_WEB};
use crate::stage::{applies, assert_as_before, assert_says, outcomes, outcomes_of, snapshots};

/// Asserts that an apply to web-1 ended with this outcome and code, and that each part of the problem has a
/// text.
#[track_caller]
fn assert_refused(finished: &Finished, document: &Value, outcome: &str, code: &str) {
    assert_eq!(finished.code, 2, "{finished}");
    assert_eq!(outcomes(document), outcomes_of([("web-1", outcome)]), "{finished}");
    let problem = &document["hosts"][0]["problem"];
    assert_eq!(problem["code"], code, "{finished}");
    for part in ["what", "help"] {
        assert!(
            problem[part].as_str().is_some_and(|text| !text.trim().is_empty()),
            "no `{part}` in {problem:#}"
        );
    }
}

fn apply_web_1(lab: &Lab) -> (Finished, Value) {
    lab.operator().unwrap().types_for_json("nixfleet apply --yes --json --host web-1").unwrap()
}

/// Asserts that a command is refused with these texts before any host is contacted.
#[track_caller]
fn assert_refused_at_home(lab: &Lab, line: &str, sayings: &[&str]) {
    let before = snapshots(lab);
    let sessions: Vec<_> = lab.hosts().map(|host| host.ssh_sessions().unwrap()).collect();
    let finished = lab.operator().unwrap().types(line).unwrap();
    assert_says(&finished, 1, sayings);
    assert!(!finished.stderr.contains("panicked"), "{finished}");
    assert_eq!(lab.hosts().map(|host| host.ssh_sessions().unwrap()).collect::<Vec<_>>(), sessions);
    assert_as_before(&before);
}

#[test]
fn an_unknown_host_is_refused_and_the_nearest_name_suggested() {
    assert_refused_at_home(&FRESH.turn(), "nixfleet apply --yes --host wbe-1", &["NF-103", "wbe-1", "web-1"]);
}

#[test]
fn an_unknown_tag_is_refused() {
    assert_refused_at_home(&FRESH.turn(), "nixfleet apply --yes --tag europe", &["NF-103", "europe", "prod"]);
}

#[test]
fn a_selection_of_nothing_is_refused() {
    assert_refused_at_home(
        &FRESH.turn(),
        "nixfleet apply --yes --on '@web and @db'",
        &["NF-103", "the selection is empty", "@web"],
    );
}

#[test]
fn a_folder_without_a_flake_is_refused() {
    assert_refused_at_home(&FRESH.turn(), "cd / && nixfleet plan", &["NF-102", "flake.nix"]);
}

#[test]
fn a_broken_flake_is_refused_with_the_users_line() {
    let lab = FRESH.turn();
    lab.operator().unwrap().edits("fleet.nix", "hosts.web-2 = {", "hosts.web-2 = = {").unwrap();
    assert_refused_at_home(&lab, "nixfleet apply --yes", &["NF-201", "fleet.nix:15", "syntax error"]);
}

#[test]
fn an_evaluation_error_shows_the_users_own_file_and_line_and_no_wall_of_trace() {
    let lab = FRESH.turn();
    let edited = "text = \"port = ${toString prot}\\n\";";
    lab.operator().unwrap().edits("roles/db.nix", "text = \"port = ${toString port}\\n\";", edited).unwrap();
    assert_refused_at_home(
        &lab,
        "nixfleet apply --yes",
        &["NF-201", "roles/db.nix:19", "undefined variable 'prot'"],
    );
    let finished = lab.operator().unwrap().types("nixfleet plan").unwrap();
    assert!(finished.stderr.lines().count() < 25, "a wall of text:\n{finished}");
}

#[test]
fn all_mistakes_of_a_fleet_are_told_at_once() {
    let lab = FRESH.turn();
    let operator = lab.operator().unwrap();
    operator.edits("fleet.nix", "roles = [ \"db\" ];", "roles = [ \"dbb\" ];").unwrap();
    operator.edits("fleet.nix", "addr = \"web-2\";", "addr = \"web-1\";").unwrap();
    operator.edits("roles/web.nix", "nixfleet.files.\"/etc/motd\"", "nixfleet.files.\"etc/motd\"").unwrap();
    let sayings = ["NF-201", "dbb", "web-1", "etc/motd", "fleet.nix", "roles/web.nix"];
    assert_refused_at_home(&lab, "nixfleet apply --yes", &sayings);
}

#[test]
fn a_failed_build_is_told_with_the_end_of_its_log() {
    let lab = FRESH.turn();
    let broken = "(derivation { name = \"broken-1.0\"; system = \"x86_64-linux\"; \
                  builder = \"${pkgs.busybox}/bin/sh\"; args = [ \"-c\" \"echo no such header >&2; exit 3\" ]; })";
    let with = format!("nixfleet.packages = [ {broken} ");
    lab.operator().unwrap().edits("roles/web.nix", "nixfleet.packages = [ ", &with).unwrap();
    assert_refused_at_home(&lab, "nixfleet apply --yes", &["NF-202", "broken-1.0", "no such header"]);

    // Each host has a result, even if all output of Nix is shown.
    let (finished, document) = lab.operator().unwrap().types_for_json("nixfleet plan --json -v").unwrap();
    let expected = outcomes_of([("db-1", "skipped"), ("web-1", "failed"), ("web-2", "failed")]);
    assert_eq!(outcomes(&document), expected, "{finished}");
    assert_says(&finished, 1, &["no such header", "NF-202"]);
}

#[test]
fn a_host_without_nix_is_left_alone() {
    let lab = FRESH_WEB.turn();
    let web = lab.guest("web-1").unwrap();
    web.ask("systemctl stop nix-daemon.socket nix-daemon.service; rm /usr/bin/nix* /usr/sbin/nix-daemon -f")
        .unwrap();
    let before = snapshots(&lab);
    let (finished, document) = apply_web_1(&lab);
    assert_refused(&finished, &document, "blocked", "NF-305");
    assert_as_before(&before);
}

#[test]
fn a_wrong_ssh_key_is_told_apart_from_a_host_that_is_down() {
    let lab = FRESH_WEB.turn();
    lab.guest("web-1").unwrap().ask(": > /home/deploy/.ssh/authorized_keys").unwrap();
    let before = snapshots(&lab);
    let (finished, document) = apply_web_1(&lab);
    assert_refused(&finished, &document, "unreachable", "NF-302");
    assert_as_before(&before);
}

#[test]
fn a_changed_host_key_is_not_trusted() {
    let lab = FRESH_WEB.turn();
    let web = lab.guest("web-1").unwrap();
    web.ask("set -e; rm /etc/ssh/ssh_host_ed25519_key*; ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key; \
             systemctl restart ssh")
        .unwrap();
    let before = snapshots(&lab);
    let sessions = web.ssh_sessions().unwrap();
    let (finished, document) = apply_web_1(&lab);
    assert_refused(&finished, &document, "unreachable", "NF-303");
    assert_eq!(web.ssh_sessions().unwrap(), sessions);
    assert_as_before(&before);
}

#[test]
fn a_host_key_pinned_in_the_inventory_is_the_only_one_trusted() {
    let lab = FRESH.turn();
    let operator = lab.operator().unwrap();
    operator.types("rm ~/.ssh/known_hosts").unwrap().success().unwrap();
    let key = lab.guest("web-1").unwrap().ask("cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub").unwrap();
    let pinned = format!("addr = \"web-1\";\n    ssh.hostKey = \"{key}\";");
    operator.edits("fleet.nix", "addr = \"web-1\";", &pinned).unwrap();
    assert_eq!(applies(&lab, "--host web-1"), outcomes_of([("web-1", "ok")]));

    let other = lab.guest("db-1").unwrap().ask("cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub").unwrap();
    operator.edits("fleet.nix", &key, &other).unwrap();
    let before = snapshots(&lab);
    let (finished, document) = apply_web_1(&lab);
    assert_refused(&finished, &document, "unreachable", "NF-303");
    assert_as_before(&before);
}

#[test]
fn a_host_that_hangs_is_waited_for_as_long_as_the_inventory_says() {
    let lab = FRESH_WEB.turn();
    let operator = lab.operator().unwrap();
    operator.edits("fleet.nix", "addr = \"web-1\";", "addr = \"web-1\";\n    timeouts.answer = 2;").unwrap();
    lab.guest("web-1").unwrap().ask("echo 'exec sleep 611' > /home/deploy/.ssh/rc").unwrap();
    let before = snapshots(&lab);
    let (finished, document) = apply_web_1(&lab);
    assert_refused(&finished, &document, "unreachable", "NF-301");
    let problem = &document["hosts"][0]["problem"];
    assert_eq!(problem["why"], "it did not end within 2 seconds");
    assert!(problem["help"].as_str().unwrap().contains("hosts.web-1.timeouts"), "{problem:#}");
    assert_as_before(&before);
}

#[test]
fn a_user_without_sudo_is_told_so() {
    let lab = FRESH_WEB.turn();
    lab.guest("web-1").unwrap().ask("rm /etc/sudoers.d/deploy").unwrap();
    let before = snapshots(&lab);
    let (finished, document) = apply_web_1(&lab);
    assert_refused(&finished, &document, "blocked", "NF-304");
    assert_as_before(&before);
}

/// Mounts a separate filesystem over the directory `dir` of a guest. It has the same content as the
/// directory, and no free space.
fn fill(host: &Guest, dir: &str) {
    let script = format!(
        "set -e; mkdir /run/small; mount -t tmpfs -o size=64m tmpfs /run/small; cp -a {dir}/. /run/small/; \
         mount --bind /run/small {dir}; \
         dd if=/dev/zero of={dir}/filler bs=4096 2>/dev/null || true; ! dd if=/dev/zero of={dir}/more bs=4096 count=1"
    );
    host.ask(&script).unwrap();
}

#[test]
fn a_store_without_room_takes_no_closure_and_the_host_stays() {
    let lab = FRESH_WEB.turn();
    let web = lab.guest("web-1").unwrap();
    fill(web, "/nix");
    let before = snapshots(&lab);
    let (finished, document) = apply_web_1(&lab);
    assert_refused(&finished, &document, "failed", "NF-306");
    assert!(finished.stdout.contains("No space left on device"), "{finished}");
    assert_as_before(&before);
}

#[test]
fn a_full_disk_is_noticed_before_anything_of_the_host_has_changed() {
    let lab = MANAGED_WEB.turn();
    let web = lab.guest("web-1").unwrap();
    let service = web.unit("web.service").unwrap();
    let operator = lab.operator().unwrap();
    // The closure is copied before the disk is full, so that only the activation can fail.
    operator.edits("roles/web.nix", "message = \"hello\"", "message = \"bigger\"").unwrap();
    operator.types("nix build --no-link --print-out-paths .#nixfleet.hosts.web-1.toplevel > path").unwrap();
    operator
        .types("nix copy --no-check-sigs --to ssh-ng://deploy@web-1 $(cat path)")
        .unwrap()
        .success()
        .unwrap();
    fill(web, "/srv");
    let before = snapshots(&lab);
    let (finished, document) = apply_web_1(&lab);
    assert_refused(&finished, &document, "blocked", "NF-411");
    assert_as_before(&before);
    assert_eq!(web.unit("web.service").unwrap(), service);
}

#[test]
fn a_second_apply_at_the_same_time_is_refused_and_names_the_first() {
    let lab = MANAGED_WEB.turn();
    let web = lab.guest("web-1").unwrap();
    let operator = lab.operator().unwrap();
    // The first apply holds the lock while the validation of a file waits for input from a pipe. The plan of
    // that apply, which needs no lock, skips the validation.
    web.ask("mkfifo /run/gate").unwrap();
    let text = "text = \"This is ${name}, a web server.\\n\";";
    let gated = "text = \"new\\n\";\n    validate = [ \"/usr/bin/head\" \"-c1\" \"/run/gate\" \"%s\" ];";
    operator.edits("roles/web.nix", text, gated).unwrap();

    let (first, second) = std::thread::scope(|scope| {
        let line = "nixfleet apply --yes --json --no-validate --host web-1";
        let first = scope.spawn(|| operator.types(line).unwrap());
        let waits = || Ok(web.sh("pgrep --exact head")?.ok());
        let limit = std::time::Duration::from_secs(30);
        nixfleet_lab::command::wait_until("the first apply validates", limit, waits).unwrap();
        operator.edits("roles/web.nix", gated, "text = \"newer\\n\";").unwrap();
        let second = apply_web_1(&lab);
        web.ask("echo on > /run/gate").unwrap();
        (first.join().unwrap(), second)
    });

    assert_refused(&second.0, &second.1, "blocked", "NF-401");
    assert!(second.0.stdout.contains("ada@operator"), "the holder is not named: {}", second.0);
    assert!(first.ok(), "{first}");
}

#[test]
fn what_stands_in_the_way_is_neither_overwritten_nor_half_applied() {
    let lab = FRESH_WEB.turn();
    let web = lab.guest("web-1").unwrap();
    web.ask("mkdir -p /etc/web && echo mine > /etc/web/httpd.conf").unwrap();
    let before = snapshots(&lab);
    let (finished, document) = apply_web_1(&lab);
    assert_eq!(finished.code, 2, "{finished}");
    assert_eq!(outcomes(&document), outcomes_of([("web-1", "blocked")]));
    assert!(
        finished.stdout.contains("NF-402") && finished.stdout.contains("/etc/web/httpd.conf"),
        "{finished}"
    );
    assert_as_before(&before);
}

#[test]
fn a_unit_that_does_not_start_takes_the_host_back() {
    let lab = MANAGED_WEB.turn();
    let operator = lab.operator().unwrap();
    operator.edits("roles/web.nix", "httpd -f -p", "httpd -f --no-such-flag -p").unwrap();
    operator
        .edits(
            "roles/web.nix",
            "      User = \"web\";\n      Restart",
            "      Type = \"notify\";\n      User = \"web\";\n      Restart",
        )
        .unwrap();

    let (finished, document) = apply_web_1(&lab);

    assert_eq!(finished.code, 2, "{finished}");
    assert_eq!(outcomes(&document), outcomes_of([("web-1", "rolled-back")]), "{finished}");
    assert!(finished.stdout.contains("NF-406") && finished.stdout.contains("web.service"), "{finished}");
    let web = lab.guest("web-1").unwrap();
    assert_eq!(web.unit("web.service").unwrap().active, "active");
    let profile = web.ask("readlink /nix/var/nix/profiles/nixfleet/system").unwrap();
    assert_eq!(profile, "system-1-link");
    let page = operator.types("curl --silent --max-time 5 http://web-1:8080/").unwrap();
    assert_eq!(page.line(), "hello from web-1, whose database is db-1");
}

#[test]
fn a_host_that_lies_writes_no_line_of_its_own() {
    let lab = MANAGED_WEB.turn();
    let web = lab.guest("web-1").unwrap();
    // The activator answers as on a compromised host: with a line that looks like NixFleet's output, a title
    // for the terminal, and invisible characters.
    let forged = r#"w\n2 hosts: 2 ok\u202e\u2028\u001b]0;owned\u0007"#;
    let status = format!(
        r#"{{"schema":1,"host":"web-1","current":null,"generations":[],"drift":[{{"subject":"/etc/a","what":"{forged}"}}],"units":[],"kept":["{forged}"],"interrupted":"{forged}","lockedBy":null}}"#
    );
    let liar = format!("#!/bin/sh\ncat <<'end'\n{status}\nend\n");
    web.ask(&format!(
        "cat >/usr/local/bin/liar <<'liar'\n{liar}liar\nchmod 755 /usr/local/bin/liar; \
         ln -sfn /usr/local/bin/liar /nix/var/nix/profiles/nixfleet/activator"
    ))
    .unwrap();

    let operator = lab.operator().unwrap();
    let escaped = r"w␊2 hosts: 2 ok\u{202e}\u{2028}␛]0;owned␇";
    let on_a_terminal = r#"script -qec "nixfleet status -v --host web-1" /dev/null"#;
    for line in ["nixfleet status -v --host web-1", on_a_terminal] {
        let finished = operator.types(line).unwrap();
        assert!(finished.stdout.contains(escaped), "{finished}");
        assert!(!finished.stdout.contains(['\u{202e}', '\u{2028}', '\u{7}']), "{finished}");
        assert!(!finished.stdout.lines().any(|line| line.starts_with("2 hosts: 2 ok")), "{finished}");
    }
    // JSON has the same meaning in a pipe and on a terminal. On a terminal it contains no invisible
    // characters.
    let piped = operator.types("nixfleet status --json --host web-1 | cat").unwrap();
    let shown = operator.types(r#"script -qec "nixfleet status --json --host web-1" /dev/null"#).unwrap();
    let read = |finished: &Finished| serde_json::from_str::<Value>(finished.stdout.trim()).unwrap();
    assert_eq!(read(&piped)["hosts"][0]["status"], read(&shown)["hosts"][0]["status"], "{shown}");
    assert!(piped.stdout.contains('\u{202e}') && !shown.stdout.contains('\u{202e}'), "{shown}");

    let ran = operator.types(r"nixfleet run --host web-1 -- printf 'a\r2 hosts: 2 ok\033[2Jb'").unwrap();
    assert!(ran.stdout.contains("web-1 | a␍2 hosts: 2 ok␛[2Jb"), "{ran}");
}
