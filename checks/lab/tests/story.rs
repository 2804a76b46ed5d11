//! Tests the main use of NixFleet, from three new hosts to a rollback.

use nixfleet_lab::files::Standing;
use nixfleet_lab::lab::{BOOT_LIMIT, Lab, Plan};
use nixfleet_lab::recipe::Recipe;
use nixfleet_lab::rootfs::Root;
use nixfleet_lab::upgrade::Upgrade;

use crate::stage::shared::Shared;
use crate::stage::{
    SOAK, applies, assert_as_before, assert_says, generation, outcomes, outcomes_of, snapshots,
};

/// A lab for tests that need hosts that NixFleet has never changed. One host has Debian 12, and the
/// operator's machine and the other hosts have Nix 2.26.
static UNCHANGED: Shared = Shared::restored(|| {
    let plan = Plan::of_test().with_root("web-2", Recipe::older_host()).operator(operators()[0].clone());
    Lab::boot(&plan).unwrap()
});
/// A lab for tests that need hosts with the demo's fleet, in generation 1. The host that most tests change
/// has Debian 12, and the operator's machine and one host have Nix 2.34.
static CONVERGED: Shared = Shared::restored(|| {
    let plan = Plan::of_test().operator(operators()[1].clone());
    let plan = plan.with_root("web-1", Recipe::older_host()).with_root("db-1", Upgrade::newer_nix());
    let lab = Lab::boot(&plan).unwrap();
    assert_eq!(applies(&lab, ""), outcomes_of([("db-1", "ok"), ("web-1", "ok"), ("web-2", "ok")]));
    lab
});

/// The Nix versions of the operator's machines of the two labs.
fn versions() -> [&'static str; 2] {
    if is_soak() { ["2.34", "2.26"] } else { ["2.26", "2.34"] }
}

/// Returns the root filesystems of the operator's machines of the two labs. `make soak-hosts` swaps them.
fn operators() -> [Root; 2] {
    let (older, newer) = (Recipe::host().into(), Upgrade::newer_nix().into());
    if is_soak() { [newer, older] } else { [older, newer] }
}

fn is_soak() -> bool {
    std::env::var_os(SOAK).is_some()
}

/// Returns the page of a web server, requested from the operator's machine.
fn page(lab: &Lab, host: &str) -> String {
    let asked = lab.operator().unwrap().types(&format!(
        "curl --silent --show-error --retry 5 --retry-connrefused --max-time 5 http://{host}:8080/"
    ));
    asked.unwrap().success().unwrap().line().to_owned()
}

#[test]
fn a_plan_shows_everything_and_touches_nothing() {
    let lab = UNCHANGED.turn();
    let before = snapshots(&lab);

    let operator = lab.operator().unwrap();
    let plan = operator.types("nixfleet plan").unwrap();
    // Selectors may stand before the verb.
    let (some, document) = operator.types_for_json("nixfleet @web plan --json").unwrap();

    assert!(some.ok(), "{some}");
    assert_eq!(outcomes(&document).into_keys().collect::<Vec<_>>(), ["web-1", "web-2"]);
    assert_says(
        &plan,
        0,
        &[
            "web-1",
            "web-2",
            "db-1",
            "/etc/web/httpd.conf",
            "+hello from web-1, whose database is db-1",
            "+hello from web-2, whose database is db-1",
            "0640",
            "root:web",
            "web.service",
            "web-heartbeat.timer",
            "db.service",
            "hello 1.0",
            "/var/lib/web",
        ],
    );
    assert_as_before(&before);
}

#[test]
fn plan_exit_code_tells_whether_there_are_changes() {
    let lab = UNCHANGED.turn();
    let operator = lab.operator().unwrap();
    assert_says(&operator.types("nixfleet plan --exit-code").unwrap(), 3, &[]);
    applies(&lab, "");
    assert_says(&operator.types("nixfleet plan --exit-code").unwrap(), 0, &[]);
}

/// Asserts that the operator's machine of a lab has this version of Nix.
fn assert_nix(lab: &Lab, version: &str) {
    let found = lab.operator().unwrap().types("nix --version").unwrap().success().unwrap();
    assert!(found.stdout.contains(version), "{found}");
}

#[test]
fn three_fresh_hosts_converge_and_serve() {
    let lab = UNCHANGED.turn();
    assert_nix(&lab, versions()[0]);

    assert_eq!(applies(&lab, ""), outcomes_of([("db-1", "ok"), ("web-1", "ok"), ("web-2", "ok")]));

    assert_serve(&lab);
}

#[test]
fn three_fresh_hosts_converge_and_serve_with_a_newer_nix_too() {
    let lab = CONVERGED.turn();
    assert_nix(&lab, versions()[1]);
    assert_serve(&lab);
}

/// Asserts that the three hosts of the demo have all parts of their roles, and are in generation 1.
#[track_caller]
fn assert_serve(lab: &Lab) {
    assert_eq!(page(lab, "web-1"), "hello from web-1, whose database is db-1");
    assert_eq!(page(lab, "web-2"), "hello from web-2, whose database is db-1");
    let web = lab.guest("web-1").unwrap();
    let account = web.ask("getent passwd web").unwrap();
    let uid: u32 = account.split(':').nth(2).unwrap().parse().unwrap();
    assert!((100..1000).contains(&uid), "no system user: {account}");
    assert!(account.ends_with("nologin"), "{account}");
    let gid = web.ask("getent group web | cut -d: -f3").unwrap().parse().unwrap();
    let conf = web.files().unwrap().standing("/etc/web/httpd.conf").unwrap();
    let text = b"H:/srv/web\nI:index.html\n.txt:text/plain\n".to_vec();
    assert_eq!(conf, Standing { bytes: text, mode: 0o640, uid: 0, gid });
    assert_eq!(web.ask("stat -c '%a %U:%G' /var/lib/web").unwrap(), "750 web:web");
    let service = web.unit("web.service").unwrap();
    assert_eq!((service.active.as_str(), service.sub.as_str()), ("active", "running"));
    assert_eq!(service.file, "enabled");
    assert_eq!(web.ask(&format!("ps -o user= -p {}", service.main_pid)).unwrap(), "web");
    assert_eq!(web.unit("web-heartbeat.timer").unwrap().active, "active");
    assert!(web.files().unwrap().exists("/var/lib/web/heartbeat"), "the timer did not fire");
    assert_eq!(web.ask("bash -lc hello").unwrap(), "hello 1.0");
    for host in lab.hosts() {
        assert_eq!(generation(host), 1);
    }
}

#[test]
fn what_was_applied_survives_a_reboot() {
    let lab = CONVERGED.turn();
    let web = lab.guest("web-1").unwrap();

    web.power_cut().unwrap();
    web.power_on().unwrap();

    assert_eq!(page(&lab, "web-1"), "hello from web-1, whose database is db-1");
    assert_eq!(web.unit("web-heartbeat.timer").unwrap().active, "active");
    assert_eq!(applies(&lab, "--host web-1"), outcomes_of([("web-1", "unchanged")]));
}

#[test]
fn applying_again_restarts_nothing_and_costs_one_ssh_command_a_host() {
    let lab = CONVERGED.turn();
    let units = ["web.service", "web-heartbeat.timer", "db.service"];
    let look = || -> Vec<_> {
        let units = |host: &nixfleet_lab::guest::Guest| units.map(|unit| host.unit(unit).unwrap());
        lab.hosts().map(|host| (units(host), generation(host), host.ssh_sessions().unwrap())).collect()
    };
    let before = look();

    let all = outcomes_of([("db-1", "unchanged"), ("web-1", "unchanged"), ("web-2", "unchanged")]);
    assert_eq!(applies(&lab, ""), all);

    for (before, now) in before.iter().zip(look()) {
        assert_eq!(before.0, now.0);
        assert_eq!(before.1, now.1);
        assert_eq!(before.2 + 1, now.2);
    }
}

#[test]
fn a_changed_value_restarts_only_its_unit_on_only_the_affected_hosts() {
    let lab = CONVERGED.turn();
    let (web, db) = (lab.guest("web-1").unwrap(), lab.guest("db-1").unwrap());
    let service = web.unit("web.service").unwrap();
    let timer = web.unit("web-heartbeat.timer").unwrap();
    let database = db.unit("db.service").unwrap();
    let generations = (generation(web), generation(db));
    let operator = lab.operator().unwrap();

    operator.edits("roles/web.nix", "message = \"hello\"", "message = \"good morning\"").unwrap();
    let plan = operator.types("nixfleet plan").unwrap();
    assert_says(&plan, 0, &["-hello from web-1", "+good morning from web-1", "restart web.service"]);
    let expected = outcomes_of([("db-1", "unchanged"), ("web-1", "ok"), ("web-2", "ok")]);
    assert_eq!(applies(&lab, ""), expected);

    assert_eq!(page(&lab, "web-1"), "good morning from web-1, whose database is db-1");
    let restarted = web.unit("web.service").unwrap();
    assert_ne!(restarted.main_pid, service.main_pid);
    assert!(restarted.active_enter > service.active_enter);
    assert_eq!(web.unit("web-heartbeat.timer").unwrap(), timer);
    assert_eq!(db.unit("db.service").unwrap(), database);
    assert_eq!((generation(web), generation(db)), (generations.0 + 1, generations.1));
}

#[test]
fn a_changed_package_is_named_by_the_plan_and_in_force_afterwards() {
    let lab = CONVERGED.turn();
    let web = lab.guest("web-1").unwrap();
    let service = web.unit("web.service").unwrap();
    let operator = lab.operator().unwrap();

    operator.edits("roles/web.nix", "helloVersion = \"1\"", "helloVersion = \"2\"").unwrap();
    let plan = operator.types("nixfleet plan --host web-1").unwrap();
    assert_says(&plan, 0, &["hello 1.0 → 2.0"]);
    applies(&lab, "");

    assert_eq!(web.ask("bash -lc hello").unwrap(), "hello 2.0");
    assert_eq!(web.unit("web.service").unwrap(), service, "a package that no unit names restarts nothing");
}

#[test]
fn a_removed_role_takes_its_things_along_and_gives_back_what_stood_before() {
    let lab = UNCHANGED.turn();
    let web = lab.guest("web-1").unwrap();
    let files = web.files().unwrap();
    files.write("/etc/motd", "Welcome to the machine.\r\n\0\u{ff}no line end").unwrap();
    files.set_access("/etc/motd", 0o604, 33, 12).unwrap();
    let motd = files.standing("/etc/motd").unwrap();
    applies(&lab, "");
    assert_eq!(files.text("/etc/motd").unwrap(), "This is web-1, a web server.\n");
    let uid = web.ask("id -u web").unwrap();

    let hosts = "hosts.web-1 = {\n    addr = \"web-1\";\n    tags = [ \"web\" ];\n    roles = [ \"web\" ];";
    lab.operator().unwrap().edits("fleet.nix", hosts, "hosts.web-1 = {\n    addr = \"web-1\";").unwrap();
    applies(&lab, "");

    assert_eq!(files.standing("/etc/motd").unwrap(), motd);
    for gone in [
        "/etc/web/httpd.conf",
        "/etc/web",
        "/srv/web/index.html",
        "/etc/systemd/system/web.service",
        "/etc/systemd/system/web-heartbeat.timer",
        "/etc/systemd/system/multi-user.target.wants/web.service",
        "/etc/systemd/system/timers.target.wants/web-heartbeat.timer",
    ] {
        assert!(!files.exists(gone), "{gone} is still there");
    }
    assert_eq!(web.unit("web.service").unwrap().active, "inactive");
    assert_eq!(web.unit("web-heartbeat.timer").unwrap().active, "inactive");
    assert_eq!(web.ask("id -u web").unwrap(), uid, "the user's id has to stay taken");
    assert!(web.ask("getent passwd web").unwrap().ends_with("nologin"));
    assert!(web.ask("getent shadow web").unwrap().starts_with("web:!"), "the account has to be locked");
    assert!(!web.sh("bash -lc hello").unwrap().ok(), "the package is still there");
    assert_eq!(lab.guest("web-2").unwrap().unit("web.service").unwrap().active, "active");
}

#[test]
fn a_hand_edit_shows_as_drift_and_is_kept_when_overwritten() {
    let lab = CONVERGED.turn();
    let web = lab.guest("web-1").unwrap();
    let files = web.files().unwrap();
    let managed = files.standing("/etc/web/httpd.conf").unwrap();
    let edited = "H:/srv/web\n# for the fair on Saturday\n";
    files.write("/etc/web/httpd.conf", edited).unwrap();
    let operator = lab.operator().unwrap();

    let status = operator.types("nixfleet status").unwrap();
    assert_says(&status, 0, &["/etc/web/httpd.conf", "content edited"]);
    let plan = operator.types("nixfleet plan").unwrap();
    assert_says(
        &plan,
        0,
        &[
            "/etc/web/httpd.conf",
            "content not shown, since other users on the host may not read it",
            "a backup is made",
        ],
    );
    assert_eq!(files.text("/etc/web/httpd.conf").unwrap(), edited);

    let (finished, document) = operator.types_for_json("nixfleet apply --yes --json").unwrap();
    assert!(finished.ok(), "{finished}");
    assert_eq!(
        outcomes(&document),
        outcomes_of([("db-1", "unchanged"), ("web-1", "ok"), ("web-2", "unchanged")])
    );
    assert_eq!(files.standing("/etc/web/httpd.conf").unwrap(), managed);
    let host = document["hosts"].as_array().unwrap().iter().find(|host| host["host"] == "web-1").unwrap();
    let kept = host["report"]["kept"][0].as_str().unwrap_or_else(|| panic!("no copy is named in {host}"));
    assert_eq!(files.text(kept).unwrap(), edited);
}

#[test]
fn a_service_that_keeps_ending_goes_back_and_its_correction_is_not_held_against_it() {
    let lab = CONVERGED.turn();
    let web = lab.guest("web-1").unwrap();
    let operator = lab.operator().unwrap();
    let right = "httpd -f -p ${toString port} -c /etc/web/httpd.conf\";";
    let wrong = "sh -c 'sleep 0.05; exit 1'\"; RestartSec = 0;";

    // Repeat this more often than systemd allows a unit to be started in ten seconds.
    for _ in 0..6 {
        operator.edits("roles/web.nix", right, wrong).unwrap();
        let (finished, document) =
            operator.types_for_json("nixfleet apply --yes --json --host web-1").unwrap();
        assert_eq!(outcomes(&document), outcomes_of([("web-1", "rolled-back")]), "{finished}");
        assert_eq!(page(&lab, "web-1"), "hello from web-1, whose database is db-1");
        assert_eq!(generation(web), 1);
        operator.edits("roles/web.nix", wrong, right).unwrap();
    }
    operator.edits("roles/web.nix", "message = \"hello\"", "message = \"good morning\"").unwrap();
    assert_eq!(applies(&lab, "--host web-1"), outcomes_of([("web-1", "ok")]));
}

#[test]
fn rollback_returns_one_host_to_the_previous_generation_and_to_any_number() {
    let lab = CONVERGED.turn();
    let operator = lab.operator().unwrap();
    let first = generation(lab.guest("web-1").unwrap());
    operator.edits("roles/web.nix", "message = \"hello\"", "message = \"second\"").unwrap();
    applies(&lab, "");
    operator.edits("roles/web.nix", "message = \"second\"", "message = \"third\"").unwrap();
    applies(&lab, "");
    assert_eq!(page(&lab, "web-1"), "third from web-1, whose database is db-1");

    let before = snapshots(&lab);
    let preview = operator.types("nixfleet rollback --host web-1 --dry-run").unwrap();
    assert_says(&preview, 0, &["-third from web-1", "+second from web-1", "1 to change"]);
    let (preview, document) =
        operator.types_for_json("nixfleet rollback --host web-1 --dry-run --json").unwrap();
    assert_eq!((preview.code, &document["command"]), (0, &"rollback".into()), "{document:#}");
    assert!(document["hosts"][0]["plan"]["steps"].to_string().contains("switchProfile"), "{document:#}");
    assert_as_before(&before);

    operator.types("nixfleet rollback --host web-1 --yes").unwrap().success().unwrap();
    assert_eq!(page(&lab, "web-1"), "second from web-1, whose database is db-1");
    assert_eq!(page(&lab, "web-2"), "third from web-2, whose database is db-1");

    let to_the_first = format!("nixfleet rollback --host web-1 --to {first} --yes");
    operator.types(&to_the_first).unwrap().success().unwrap();
    assert_eq!(page(&lab, "web-1"), "hello from web-1, whose database is db-1");
    assert_eq!(lab.guest("web-1").unwrap().unit("web.service").unwrap().active, "active");
}

#[test]
fn the_closures_of_a_saved_plan_are_protected_until_it_is_applied() {
    let lab = CONVERGED.turn();
    let operator = lab.operator().unwrap();
    operator.edits("roles/web.nix", "message = \"hello\"", "message = \"saved\"").unwrap();
    operator.types("nixfleet plan --host web-1 --out ~/today.plan").unwrap().success().unwrap();

    let refused = operator.types("nix-store --delete $(readlink ~/today.plan.roots/closure)").unwrap();
    assert!(refused.code != 0 && refused.stderr.contains("alive"), "{refused:?}");

    operator.types("nixfleet apply --plan ~/today.plan --yes").unwrap().success().unwrap();
    assert_eq!(page(&lab, "web-1"), "saved from web-1, whose database is db-1");
    operator.types("test ! -e ~/today.plan.roots").unwrap().success().unwrap();
}

#[test]
fn a_plan_of_an_older_revision_than_the_host_has_warns() {
    let lab = CONVERGED.turn();
    let operator = lab.operator().unwrap();
    let commit = "git config --global user.email ada@operator; git config --global user.name ada; git init -q; \
                  git add .; git commit -qm older";
    operator.types(commit).unwrap().success().unwrap();
    operator.edits("roles/web.nix", "message = \"hello\"", "message = \"newer\"").unwrap();
    operator.types("git commit -qam newer").unwrap().success().unwrap();
    assert_eq!(applies(&lab, "--tag web"), outcomes_of([("web-1", "ok"), ("web-2", "ok")]));

    let warning = "which is not an ancestor of";
    operator.edits("roles/web.nix", "message = \"newer\"", "message = \"newest\"").unwrap();
    let newer = operator.types("git commit -qam newest; nixfleet plan --tag web").unwrap();
    assert!(newer.code == 0 && !newer.stderr.contains(warning), "{newer:?}");
    let older = operator.types("git checkout -q HEAD~2; nixfleet plan --tag web").unwrap();
    assert_says(&older, 0, &["-newer from web-1", "+hello from web-1", "web-1, web-2 run revision", warning]);

    // The checkout may be newer again when the saved plan, or the rest of a rollout, is applied.
    let save = "nixfleet plan --host web-2 --out ~/older.plan; git checkout -q master";
    operator.types(save).unwrap().success().unwrap();
    let saved = operator.types("nixfleet apply --plan ~/older.plan --yes").unwrap();
    assert_says(&saved, 0, &["web-2 runs revision", warning]);
    let newest = operator.types("nixfleet apply --host web-2 --yes").unwrap();
    assert!(newest.code == 0 && !newest.stderr.contains(warning), "{newest:?}");

    let second = lab.guest("web-2").unwrap();
    second.power_cut().unwrap();
    let paused = "git checkout -q HEAD~2; nixfleet apply --yes --tag web --wave 1 --unreachable fail --connect-timeout 3";
    assert_eq!(operator.types(paused).unwrap().code, 2);
    second.power_on().unwrap();
    second.wait_until_up(BOOT_LIMIT).unwrap();
    let resumed = operator.types("git checkout -q master; nixfleet apply --resume --yes").unwrap();
    assert_says(&resumed, 0, &["web-2 runs revision", warning]);
}

#[test]
fn a_rollback_to_a_generation_that_is_not_there_is_refused() {
    let lab = CONVERGED.turn();
    let before = snapshots(&lab);
    let rollback = lab.operator().unwrap().types("nixfleet rollback --host web-1 --to 77 --yes").unwrap();
    assert_says(&rollback, 2, &["NF-", "web-1", "77"]);
    assert_as_before(&before);
}

#[test]
fn run_prefixes_what_hosts_print_and_its_exit_code_tells() {
    let lab = UNCHANGED.turn();
    let operator = lab.operator().unwrap();

    let run = operator
        .types("nixfleet run --group web -- sh -c 'echo \"on  $(hostname) $0\"; echo oops >&2' 'a b'");
    let run = run.unwrap();
    assert_says(&run, 0, &[]);
    let lines: Vec<_> = run.stdout.lines().collect();
    for host in ["web-1", "web-2"] {
        let line = lines.iter().find(|line| line.starts_with(host)).unwrap_or_else(|| panic!("{run}"));
        assert!(line.ends_with(&format!("on  {host} a b")), "{run}");
    }
    assert!(!run.stdout.contains("db-1"), "{run}");
    assert!(run.stderr.contains("oops"), "{run}");

    let failing =
        operator.types("nixfleet run --on 'web-*' -- sh -c 'test \"$(hostname)\" = web-2'").unwrap();
    assert_says(&failing, 2, &["web-1"]);
    let missing = operator.types("nixfleet run --host web-1 -- nosuch --flag").unwrap();
    assert_says(&missing, 2, &["nosuch: command not found"]);
    assert!(!format!("{}{}", missing.stdout, missing.stderr).contains("exec"), "{missing}");
}

#[test]
fn one_host_down_keeps_no_other_from_converging() {
    let lab = CONVERGED.turn();
    lab.guest("web-2").unwrap().power_cut().unwrap();
    let operator = lab.operator().unwrap();
    operator.edits("roles/web.nix", "message = \"hello\"", "message = \"onward\"").unwrap();

    let (finished, document) =
        operator.types_for_json("nixfleet apply --yes --json --connect-timeout 3").unwrap();

    assert_eq!(finished.code, 2, "{finished}");
    let expected = outcomes_of([("db-1", "unchanged"), ("web-1", "ok"), ("web-2", "unreachable")]);
    assert_eq!(outcomes(&document), expected);
    assert_eq!(page(&lab, "web-1"), "onward from web-1, whose database is db-1");

    lab.guest("web-2").unwrap().power_on().unwrap();
    lab.guest("web-2").unwrap().wait_until_up(BOOT_LIMIT).unwrap();
    assert_eq!(
        applies(&lab, ""),
        outcomes_of([("db-1", "unchanged"), ("web-1", "unchanged"), ("web-2", "ok")])
    );
    assert_eq!(page(&lab, "web-2"), "onward from web-2, whose database is db-1");
}

/// The host with Debian 12 takes the place of the operator's machine.
#[test]
fn an_operator_with_the_nix_of_debian_12_is_told_that_it_is_too_old() {
    let lab = UNCHANGED.turn();
    let copy = "tar -c -C / srv/nixfleet srv/nixpkgs srv/prebuilt srv/programs home/ada/fleet \
                | ssh deploy@web-2 sudo tar -x -C /";
    lab.operator().unwrap().types(copy).unwrap().success().unwrap();
    let older = lab.guest("web-2").unwrap();
    assert_says(&older.sh("nix --version").unwrap(), 0, &["2.8."]);
    for command in ["hosts", "plan", "apply --yes"] {
        let line = format!("cd /home/ada/fleet && HOME=/root /srv/programs/nixfleet {command}");
        let said = ["[NF-201] 1 mistake in the fleet", "it is 2.8.", "needs 2.15", "install a newer Nix"];
        assert_says(&older.sh(&line).unwrap(), 1, &said);
    }
}

#[test]
fn hosts_lists_the_inventory() {
    let lab = UNCHANGED.turn();
    let operator = lab.operator().unwrap();
    assert_says(&operator.types("nixfleet hosts").unwrap(), 0, &["web-1", "web-2", "db-1", "prod"]);
    let some = operator.types("nixfleet hosts --on '@prod and not @web'").unwrap();
    assert_says(&some, 0, &["db-1"]);
    assert!(!some.stdout.contains("web-1"), "{some}");
}

#[test]
fn nix_run_does_the_same_without_installing_anything() {
    let lab = UNCHANGED.turn();
    let run = lab.operator().unwrap().types("nix run .#apply -- --yes --group web").unwrap();
    assert_says(&run, 0, &["web-1", "web-2"]);
    assert_eq!(page(&lab, "web-2"), "hello from web-2, whose database is db-1");
}
