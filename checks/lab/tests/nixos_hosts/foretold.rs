//! Tests that a plan announces exactly what the activation of a NixOS system does to units of all kinds.

use std::collections::{BTreeMap, BTreeSet};

use nixfleet_lab::command::Finished;
use nixfleet_lab::guest::Guest;
use nixfleet_lab::snapshot::Snapshot;

use super::app::{HOST, applies, db, section};
use crate::stage::assert_says;
use crate::stage::nixos::{boot_default, declares, fresh, running};

/// A unit of this test: its NixOS options, and its text in the old and in the new system. A system without a
/// text for the unit does not have the unit.
struct Kind {
    name: &'static str,
    options: &'static str,
    old: Option<String>,
    new: Option<String>,
}

/// For each word, such as `restart`, the units that a plan or the dry run of NixOS lists under this word.
type Lists = BTreeMap<&'static str, BTreeSet<String>>;

const WANTED: &str = "wantedBy = [ \"multi-user.target\" ];";

/// Returns a unit that is in both systems, with its old and its new text.
fn both(name: &'static str, options: &'static str, old: &str, new: &str) -> Kind {
    Kind { name, options, old: Some(old.to_owned()), new: Some(new.to_owned()) }
}

/// Returns a service whose environment variable `V` differs between the systems. `unit` and `service` are
/// further lines of its sections `[Unit]` and `[Service]`.
fn changed(name: &'static str, options: &'static str, unit: &str, service: &str) -> Kind {
    let text = |version: u32| {
        format!(
            "[Unit]\n{unit}\n[Service]\nExecStart=/usr/bin/sleep infinity\nEnvironment=V={version}\n{service}"
        )
    };
    both(name, options, &text(1), &text(2))
}

/// Returns a service whose text in the new system has `setting` as additional lines, and no other difference.
fn differs(name: &'static str, setting: &str) -> Kind {
    let text = |more: &str| format!("{more}\n[Service]\nExecStart=/usr/bin/sleep infinity\n");
    both(name, WANTED, &text(""), &text(setting))
}

fn kinds() -> Vec<Kind> {
    let plain = || Some("[Service]\nExecStart=/usr/bin/sleep infinity\n".to_owned());
    let mount = |size: &str, r#where: &str, what: &str| {
        format!("[Mount]\nWhat={what}\nWhere=/mnt/{where}\nType=tmpfs\nOptions=size={size}\n")
    };
    let target = |more: &str| format!("[Unit]\nX-StopOnReconfiguration=true\n{more}");
    let part = "wantedBy = [ \"own.target\" ];";
    vec![
        changed("k-default.service", WANTED, "", ""),
        changed("k-restarts.service", WANTED, "", "X-StopIfChanged=false"),
        changed("k-reloads.service", WANTED, "", "ExecReload=/usr/bin/true\nX-ReloadIfChanged=true"),
        changed("k-stays.service", WANTED, "", "X-RestartIfChanged=false"),
        changed("k-manual.service", WANTED, "X-OnlyManualStart=true", ""),
        changed("k-locked.service", WANTED, "RefuseManualStop=true", ""),
        changed("k-template@.service", "", "", ""),
        changed("k-web.service", "", "", ""),
        // NixOS starts the service and its socket with separate calls. `After` keeps the service from
        // starting first: once the service runs, its socket can no longer start.
        changed(
            "k-free.service",
            "",
            "Requires=k-free.socket\nAfter=k-free.socket",
            "X-NotSocketActivated=true",
        ),
        differs("k-same.service", ""),
        differs("k-described.service", "[Unit]\nDescription=New"),
        differs("k-triggered.service", "[Unit]\nX-Reload-Triggers=new\n[Service]\nExecReload=/usr/bin/true"),
        both(
            "k-web.socket",
            "wantedBy = [ \"sockets.target\" ];",
            "[Socket]\nListenStream=8091\n",
            "[Socket]\nListenStream=8091\n",
        ),
        both(
            "k-free.socket",
            "wantedBy = [ \"sockets.target\" ];",
            "[Socket]\nListenStream=8092\n",
            "[Socket]\nListenStream=8092\n",
        ),
        both(
            "k-tick.timer",
            WANTED,
            "[Timer]\nOnActiveSec=1d\nUnit=k-down.service\n",
            "[Timer]\nOnActiveSec=2d\nUnit=k-down.service\n",
        ),
        both(
            "k-watch.path",
            WANTED,
            "[Path]\nPathExists=/never\nUnit=k-down.service\n",
            "[Path]\nPathExists=/no\nUnit=k-down.service\n",
        ),
        both("k-own.slice", WANTED, "[Slice]\nCPUWeight=100\n", "[Slice]\nCPUWeight=200\n"),
        both("mnt-options.mount", WANTED, &mount("1M", "options", "tmpfs"), &mount("2M", "options", "tmpfs")),
        both("mnt-what.mount", WANTED, &mount("1M", "what", "tmpfs"), &mount("1M", "what", "other")),
        Kind { name: "k-goes.service", options: WANTED, old: plain(), new: None },
        Kind {
            name: "k-lives-on.service",
            options: WANTED,
            old: Some("[Unit]\nX-StopOnRemoval=false\n".to_owned() + &plain().unwrap()),
            new: None,
        },
        // In the old system, a drop-in declares the instance `k-instance@1.service` of this template.
        both("k-instance@.service", "", &plain().unwrap(), &plain().unwrap()),
        Kind {
            name: "k-instance@1.service",
            options: "overrideStrategy = \"asDropin\";",
            old: Some("[Service]\nEnvironment=A=1\n".to_owned()),
            new: None,
        },
        // Targets and dependencies start and stop some of the units below. The dry run of NixOS does not list
        // these units.
        Kind { name: "k-comes.service", options: WANTED, old: None, new: plain() },
        both("k-down.service", WANTED, &plain().unwrap(), &plain().unwrap()),
        both(
            "k-unmet.service",
            WANTED,
            "[Unit]\nConditionPathExists=/never\n[Service]\nExecStart=/usr/bin/sleep infinity\n",
            "[Unit]\nConditionPathExists=/never\n[Service]\nExecStart=/usr/bin/sleep infinity\n",
        ),
        both(
            "k-needs.service",
            WANTED,
            &format!("[Unit]\nRequires=k-default.service\nAfter=k-default.service\n{}", plain().unwrap()),
            &format!("[Unit]\nRequires=k-default.service\nAfter=k-default.service\n{}", plain().unwrap()),
        ),
        both("own.target", WANTED, &target(""), &target("")),
        both(
            "k-part.service",
            part,
            &format!("[Unit]\nPartOf=own.target\n{}", plain().unwrap()),
            &format!("[Unit]\nPartOf=own.target\n{}", plain().unwrap()),
        ),
        both(
            "own-manual.target",
            "",
            &target("X-OnlyManualStart=true\n"),
            &target("X-OnlyManualStart=true\n"),
        ),
    ]
}

/// Returns the declarations of the units of one system. `text` returns the text of a unit in that system.
fn declaration(text: impl Fn(&Kind) -> Option<&String>) -> String {
    let kinds = kinds();
    let units = kinds.iter().filter_map(|kind| {
        let text = text(kind)?;
        Some(format!("systemd.units.\"{}\" = {{ {} text = ''\n{text}''; }};\n", kind.name, kind.options))
    });
    units.collect()
}

/// Returns the units of the lines that begin with one of these texts, under the word that belongs to the
/// text.
fn lists(lines: &[&str], words: [(&'static str, &str); 5]) -> Lists {
    let units = |text: &str| {
        let line = lines.iter().find_map(|line| line.strip_prefix(text)?.strip_prefix(": "));
        line.unwrap_or_default().split(", ").filter(|unit| !unit.is_empty()).map(str::to_owned).collect()
    };
    words.into_iter().map(|(word, text)| (word, units(text))).collect()
}

/// Returns the units that a plan lists, and the units that NixOS lists in the same plan. A unit that NixOS
/// lists both as stopped and as started is returned as restarted, because the plan calls this a restart.
fn told(plan: &Finished) -> [Lists; 2] {
    let ours = [
        ("stop", "- stop"),
        ("start", "+ start"),
        ("restart", "~ restart"),
        ("reload", "~ reload"),
        ("skip", "~ changed, but not restarted"),
    ];
    let theirs = [
        ("stop", "would stop the following units"),
        ("start", "would start the following units"),
        ("restart", "would restart the following units"),
        ("reload", "would reload the following units"),
        ("skip", "would NOT stop the following changed units"),
    ];
    let ours = lists(&section(plan, "system"), ours);
    let mut theirs = lists(&section(plan, "NixOS says"), theirs);
    let again: BTreeSet<String> = theirs["stop"].intersection(&theirs["start"]).cloned().collect();
    for (word, units) in &mut theirs {
        match *word {
            "stop" | "start" => units.retain(|unit| !again.contains(unit)),
            "restart" => units.extend(again.iter().cloned()),
            _ => {}
        }
    }
    [ours, theirs]
}

fn names<const N: usize>(units: [&str; N]) -> BTreeSet<String> {
    units.map(str::to_owned).into()
}

/// Returns for each unit whether it is active, and the time at which it last became active.
fn states(host: &Guest, units: &BTreeSet<String>) -> BTreeMap<String, (bool, u64)> {
    units
        .iter()
        .map(|name| {
            let unit = host.unit(name).unwrap();
            (name.clone(), (unit.active == "active", unit.active_enter))
        })
        .collect()
}

#[test]
fn a_plan_foretells_what_nixos_says_and_does_and_changes_nothing() {
    let lab = fresh(&[HOST]);
    let (host, operator) = (db(&lab), lab.operator().unwrap());
    let plans = |flags: &str| {
        let before = Snapshot::take(host).unwrap();
        let system = running(host);
        let plan = operator.types(&format!("nixfleet plan {flags}")).unwrap();
        let difference = before.difference(&Snapshot::take(host).unwrap());
        let touched = difference.lines().any(|line| !line.starts_with("+ store "));
        let is_copied = !difference.is_empty();
        assert!(!touched && is_copied != flags.is_empty(), "{plan}{difference}");
        assert_eq!((&running(host), &boot_default(host)), (&system, &system), "{plan}");
        plan
    };
    let package = |version: u32| format!("nixfleet.packages = [ pkgs.hello_{version} ];\n");

    // The host has never been changed by NixFleet, and has only its first system.
    declares(&lab, HOST, &(package(1) + &declaration(|kind| kind.old.as_ref())));
    let plan = plans("");
    assert_says(&plan, 0, &["first generation, 2"]);
    assert!(section(&plan, "packages").contains(&"+ hello 1.0"), "{plan}");
    let steps = section(&plan, "system");
    assert!(steps[0].starts_with("~ NixOS nixos-system-factory-23.11 ("), "{plan}");
    assert!(steps[1].starts_with("~ boot default nixos-system-factory-23.11 ("), "{plan}");
    assert!(steps[1].ends_with("  after the confirmation"), "{plan}");
    assert!(steps.len() == 3 && steps[2].starts_with("+ start: k-default.service, "), "{plan}");
    applies(&lab, "ok");
    let by_hand = "k-free.service k-instance@1.service k-template@1.service k-web.service own-manual.target";
    host.ask(&format!("systemctl start {by_hand}")).unwrap();
    host.ask("systemctl stop k-down.service").unwrap();

    declares(&lab, HOST, &(package(2) + &declaration(|kind| kind.new.as_ref())));
    let plan = plans("--dry-activate");
    assert_says(&plan, 0, &["generation 2 → 3", "NixOS says", "would activate the configuration..."]);
    assert_eq!(section(&plan, "packages"), ["~ hello 1.0 → 2.0"], "{plan}");

    // The plan lists all units that NixOS lists, and also the units that targets and dependencies start and
    // stop.
    let [ours, mut theirs] = told(&plan);
    let along = [
        ("start", names(["k-comes.service", "k-down.service"])),
        ("restart", names(["k-needs.service", "k-part.service"])),
    ];
    for (word, units) in along {
        theirs.get_mut(word).unwrap().extend(units);
    }
    assert_eq!(ours, theirs, "{plan}");
    let expected = [
        ("stop", names(["k-goes.service", "k-instance@1.service", "k-web.service", "own-manual.target"])),
        ("start", names(["k-comes.service", "k-down.service"])),
        (
            "restart",
            names([
                "k-default.service",
                "k-free.service",
                "k-free.socket",
                "k-needs.service",
                "k-part.service",
                "k-restarts.service",
                "k-template@1.service",
                "k-tick.timer",
                "k-web.socket",
                "mnt-what.mount",
            ]),
        ),
        ("reload", names(["k-reloads.service", "k-triggered.service", "mnt-options.mount"])),
        ("skip", names(["k-locked.service", "k-manual.service", "k-stays.service"])),
    ];
    assert_eq!(ours, Lists::from(expected), "{plan}");

    // The apply does to each unit exactly what the plan said.
    let others =
        names(["k-described.service", "k-lives-on.service", "k-same.service", "k-own.slice", "k-watch.path"]);
    let units: BTreeSet<String> = ours.values().flatten().chain(&others).cloned().collect();
    let before = states(host, &units);
    applies(&lab, "ok");
    for (unit, (is_active, since)) in states(host, &units) {
        let has = |word: &str| ours[word].contains(&unit);
        assert_eq!(is_active, !has("stop"), "{unit}");
        assert_eq!(is_active && since != before[&unit].1, has("start") || has("restart"), "{unit}");
    }
    assert_eq!(host.ask("/run/current-system/sw/bin/hello").unwrap(), "hello 2.0");
    assert_says(&operator.types("nixfleet plan").unwrap(), 0, &["1 host: 1 unchanged"]);
}
