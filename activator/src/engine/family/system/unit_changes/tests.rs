use nixfleet_contract::nixos::UnitSource;

use super::*;

const BASE: &str = "[Unit]\nDescription=A\n[Service]\nExecStart=/bin/a\n";

type Entries<'t> = &'t [(&'t str, &'t str)];

/// Creates a system from units with their texts, from drop-ins such as `a.service.d` with their texts, and
/// from links such as `multi-user.target.wants/a.service`. The text of a unit is also used as its store path.
fn system(entries: Entries) -> SystemSummary {
    let mut system = SystemSummary::default();
    for (name, text) in entries {
        if let Some((unit, wanted)) = name.split_once(".wants/") {
            system.wants.entry(unit.to_owned()).or_default().insert(wanted.to_owned());
            continue;
        }
        let drop_ins_of = name.strip_suffix(".d");
        let source = UnitSource {
            paths: vec![(*text).to_owned()],
            text: (*text).to_owned(),
            only_drop_ins: drop_ins_of.is_some(),
        };
        system.units.insert(drop_ins_of.unwrap_or(name).to_owned(), source);
    }
    system
}

/// Returns the predicted changes as text, such as `stop a.service; start b.service`. `states`: the units that
/// are not inactive, such as `a.service=failed`, or only `a.service` if the unit is active.
fn foreseen(old: Entries, new: Entries, states: &str) -> String {
    shown(&system(old), &system(new), "", states)
}

/// Like [`foreseen`]. `fstab`: the text of `/etc/fstab` of the host.
fn shown(old: &SystemSummary, new: &SystemSummary, fstab: &str, states: &str) -> String {
    let state = |word: &str| {
        let (unit, state) = word.split_once('=').unwrap_or((word, "active"));
        (unit.to_owned(), state.to_owned())
    };
    let states = states.split_whitespace().map(state).collect();
    let SystemChanges { stop, start, restart, reload, skip } = changes(old, new, fstab, &states).changes;
    let lists = [("stop", stop), ("start", start), ("restart", restart), ("reload", reload), ("skip", skip)];
    let lists = lists.into_iter().filter(|(_, units)| !units.is_empty());
    let lines: Vec<_> = lists.map(|(name, units)| format!("{name} {}", units.join(" "))).collect();
    lines.join("; ")
}

#[test]
fn a_changed_unit_is_treated_as_in_nixos() {
    let service = |unit: &str, more: &str| format!("[Unit]\n{unit}[Service]\nExecStart=/bin/b\n{more}");
    let changed = service("", "");
    let rows = [
        ("a.service", changed.clone(), "restart a.service"),
        ("a.service", BASE.to_owned(), ""),
        ("a.service", service("", "X-StopIfChanged=false\n"), "restart a.service"),
        ("a.service", service("", "X-RestartIfChanged=false\n"), "skip a.service"),
        ("a.service", service("", "X-ReloadIfChanged=true\n"), "reload a.service"),
        ("a.service", service("", "X-ReloadIfChanged=true\nX-RestartIfChanged=no\n"), "reload a.service"),
        ("a.service", service("RefuseManualStop=true\n", ""), "skip a.service"),
        ("a.service", service("RefuseManualStart=true\n", ""), "restart a.service"),
        ("a.service", service("X-OnlyManualStart=true\n", ""), "skip a.service"),
        ("a.service", format!("{BASE}ExecReload=/bin/r\n"), "reload a.service"),
        // Some kinds of units, such as sockets and mounts, have rules of their own.
        ("a.socket", changed.clone(), ""),
        ("a.path", changed.clone(), ""),
        ("a.slice", changed.clone(), ""),
        ("a.timer", changed.clone(), "restart a.timer"),
        ("a.timer", service("X-OnlyManualStart=true\n", ""), "skip a.timer"),
        ("a.automount", changed.clone(), "restart a.automount"),
        ("a.target", changed.clone(), ""),
        ("multi-user.target", changed.clone(), ""),
        ("srv.mount", changed.clone(), "restart srv.mount"),
        ("srv.mount", service("RefuseManualStop=true\n", "X-RestartIfChanged=false\n"), "restart srv.mount"),
        ("-.mount", changed.clone(), "reload -.mount"),
        ("nix.mount", changed.clone(), "reload nix.mount"),
        // The instance `a@1.service` uses the file of its template `a@.service`.
        ("a@1.service", changed.clone(), "restart a@1.service"),
    ];
    for (unit, new, expected) in rows {
        let file = unit.replace("@1", "@");
        assert_eq!(foreseen(&[(&file, BASE)], &[(&file, &new)], unit), expected, "{unit}: {new}");
        for state in ["failed", "deactivating", "reloading"] {
            let states = format!("{unit}={state}");
            assert_eq!(foreseen(&[(&file, BASE)], &[(&file, &new)], &states), "", "{states}: {new}");
        }
    }
}

#[test]
fn a_service_that_sockets_start_is_stopped_and_its_sockets_are_restarted() {
    let old = [("web.service", BASE), ("web.socket", "")];
    let both = "web.service web.socket";
    let rows: [(&str, Entries, &str, &str); 8] = [
        ("", &[("web.socket", "")], both, "stop web.service; restart web.socket"),
        ("", &[("web.socket", "")], "web.service web.socket=failed", "stop web.service; restart web.socket"),
        // The socket does not run, but the new system has it. So the service is stopped and not started
        // again, because the socket starts the service.
        ("", &[("web.socket", "")], "web.service", "stop web.service"),
        ("", &[], "web.service", "restart web.service"),
        ("", &[], both, "stop web.socket; restart web.service"),
        ("X-NotSocketActivated=yes\n", &[("web.socket", "")], both, "restart web.service web.socket"),
        ("X-StopIfChanged=false\n", &[("web.socket", "")], both, "restart web.service"),
        (
            "Sockets=one.socket two.socket\n",
            &[("one.socket", ""), ("two.socket", ""), ("web.socket", "")],
            "web.service one.socket",
            "stop web.service; restart one.socket",
        ),
    ];
    for (more, sockets, states, expected) in rows {
        let text = format!("[Service]\nExecStart=/bin/b\n{more}");
        let new: Vec<_> = [("web.service", &*text)].into_iter().chain(sockets.iter().copied()).collect();
        assert_eq!(foreseen(&old, &new, states), expected, "{more} {sockets:?} {states}");
    }
    // The socket of an instance has the name of the template, without `@`.
    let old = [("web@.service", BASE), ("web.socket", "")];
    let new = [("web@.service", "[Service]\n"), ("web.socket", "")];
    let expected = "stop web@1.service; restart web.socket";
    assert_eq!(foreseen(&old, &new, "web@1.service web.socket"), expected);
    // If a running target wants the service, the service is started again, although it could wait for its
    // socket.
    let wanted = [("m.target", ""), ("web.service", "[Service]\n"), ("web.socket", "")];
    let new: Vec<_> = wanted.into_iter().chain([("m.target.wants/web.service", "")]).collect();
    let old = [("m.target", ""), ("web.service", BASE), ("web.socket", "")];
    assert_eq!(foreseen(&old, &new, "web.service web.socket m.target"), "restart web.service web.socket");
}

#[test]
fn a_unit_that_the_new_system_lacks_is_stopped() {
    let old = [("gone.service", BASE), ("kept.service", "[Unit]\nX-StopOnRemoval=no\n"), ("t@.service", "")];
    let states = "gone.service kept.service t@1.service foreign.service";
    assert_eq!(foreseen(&old, &[], states), "stop gone.service t@1.service");
    assert_eq!(foreseen(&old, &[], "gone.service=failed"), "");
}

#[test]
fn an_instance_that_drop_ins_declare_goes_with_them() {
    let template = ("t@.service", BASE);
    let one = ("t@1.service.d", "[Service]\nEnvironment=A=1\n");
    let both = "t@1.service t@2.service";
    assert_eq!(foreseen(&[template, one], &[template], both), "stop t@1.service");
    assert_eq!(foreseen(&[template], &[template, one], both), "restart t@1.service");
    let two = ("t@1.service.d", "[Service]\nEnvironment=A=2\n");
    assert_eq!(foreseen(&[template, one], &[template, two], both), "restart t@1.service");
    assert_eq!(foreseen(&[template, one], &[template, one], both), "");
    // An instance with a file of its own does not use the file of its template.
    let own = ("t@1.service", "[Service]\nExecStart=/bin/own\n");
    assert_eq!(foreseen(&[template], &[template, own], both), "");
    assert_eq!(foreseen(&[template, own], &[template], both), "stop t@1.service");
    // If the systems have only drop-ins of a unit, and the file of the unit is elsewhere, NixOS leaves the
    // unit alone.
    assert_eq!(foreseen(&[("run.mount.d", "a")], &[("run.mount.d", "b")], "run.mount"), "");
}

#[test]
fn running_targets_are_started_again_with_everything_that_they_pull_in() {
    let new = [
        ("multi-user.target", "[Unit]\nRequires=basic.target\n"),
        ("basic.target", "[Unit]\nWants=sockets.target\n"),
        ("sockets.target.wants/new.socket", ""),
        ("sockets.target", ""),
        ("new.socket", ""),
        ("multi-user.target.wants/runs.service", ""),
        ("multi-user.target.wants/down.service", ""),
        ("multi-user.target.wants/failed.service", ""),
        ("multi-user.target.wants/t@1.service", ""),
        ("multi-user.target.wants/other.service", ""),
        ("multi-user.target.wants/also.service", ""),
        ("runs.service", "[Unit]\nBindsTo=bound.service\n"),
        ("named.service", "named"),
        ("also.service", "named"),
        ("bound.service", ""),
        ("down.service", ""),
        ("failed.service", ""),
        ("t@.service", ""),
        ("idle.target", ""),
        ("idle.target.wants/idle.service", ""),
        ("idle.service", ""),
    ];
    let states = "multi-user.target runs.service named.service failed.service=failed";
    // The running `multi-user.target` starts everything that it pulls in, directly or through other targets.
    // Two units are not started: `other.service` is not in the system, and `also.service` is another name of
    // the running `named.service`.
    let expected = "start basic.target bound.service down.service failed.service new.socket sockets.target \
                    t@1.service";
    assert_eq!(foreseen(&new, &new, states), expected);
    let again =
        changes(&system(&new), &system(&new), "", &BTreeMap::from([state("multi-user.target")])).again;
    assert!(again.contains("down.service") && again.contains("t@1.service"), "{again:?}");
    let again = changes(&system(&new[..1]), &system(&new), "", &BTreeMap::from([state("multi-user.target")]));
    assert_eq!(again.again, BTreeSet::new(), "{again:?}");

    let refuses = |key: &str| {
        let text = format!("[Unit]\n{key}=true\n");
        let new = [("own.target", &*text), ("own.target.wants/a.service", ""), ("a.service", "")];
        foreseen(&[("own.target", "")], &new, "own.target")
    };
    assert_eq!(refuses("AllowIsolate"), "start a.service");
    assert_eq!(refuses("RefuseManualStart"), "");
    assert_eq!(refuses("X-OnlyManualStart"), "");
    let asleep = [("suspend.target", ""), ("suspend.target.wants/a.service", ""), ("a.service", "")];
    assert_eq!(foreseen(&asleep, &asleep, "suspend.target"), "");
}

fn state(unit: &str) -> (String, String) {
    (unit.to_owned(), "active".to_owned())
}

#[test]
fn units_stop_along_with_what_they_are_a_part_of() {
    // An activation stops this target and starts it again. Neither NixOS nor the result shows this.
    let target = |more: &str| format!("[Unit]\nX-StopOnReconfiguration=true\n{more}");
    let (again, manual) = (target(""), target("X-OnlyManualStart=true\n"));
    let part = "[Unit]\nPartOf=own.target\n";
    let units = |target: &str| {
        let units = [
            ("own.target", target.to_owned()),
            ("own.target.wants/wanted.service", String::new()),
            ("wanted.service", part.to_owned()),
            ("part.service", part.to_owned()),
            ("bound.service", "[Unit]\nBindsTo=part.service\n".to_owned()),
        ];
        let units: Vec<_> = units.iter().map(|(name, text)| (*name, &**text)).collect();
        foreseen(&units, &units, "own.target wanted.service part.service bound.service")
    };
    assert_eq!(units(&again), "stop bound.service part.service; restart wanted.service");
    assert_eq!(units(&manual), "stop bound.service own.target part.service wanted.service");
    assert_eq!(units(""), "");

    // `app.service` requires `db.service`, which is restarted. So `app.service` is restarted too, even if the
    // change of `app.service` itself needs only a reload, or if its settings forbid a restart.
    let needs = |more: &str| format!("[Unit]\nRequires=db.service\n[Service]\n{more}");
    let rows = [("", ""), ("ExecReload=/bin/r\n", ""), ("X-RestartIfChanged=no\n", "ExecStart=/bin/b\n")];
    for stop in ["", "X-StopIfChanged=no\n"] {
        for (kind, more) in rows {
            let (old_app, new_app) = (needs(""), needs(&format!("{kind}{more}")));
            let db = format!("[Service]\nExecStart=/bin/b\n{stop}");
            let links = [("m.target", ""), ("m.target.wants/app.service", "")];
            let old = [("db.service", BASE), ("app.service", &old_app), links[0], links[1]];
            let new = [("db.service", &*db), ("app.service", &new_app), links[0], links[1]];
            let expected = "restart app.service db.service";
            assert_eq!(foreseen(&old, &new, "db.service app.service m.target"), expected, "{stop}{new_app}");
        }
    }
}

#[test]
fn each_activation_restarts_the_target_for_early_units() {
    let early = |text: &'static str| {
        [
            ("sysinit-reactivation.target", ""),
            ("sysinit-reactivation.target.wants/tmpfiles.service", ""),
            ("tmpfiles.service", text),
            ("part.service", "[Unit]\nPartOf=sysinit-reactivation.target\n"),
        ]
    };
    let states = "sysinit-reactivation.target part.service tmpfiles.service";
    assert_eq!(foreseen(&early(BASE), &early(BASE), states), "restart part.service");
    let changed = "[Service]\nExecStart=/bin/b\n";
    let expected = "restart part.service tmpfiles.service";
    assert_eq!(foreseen(&early(BASE), &early(changed), states), expected);
    // The first activation after a boot finds that the target does not run, and starts it. So `part.service`,
    // which is a part of the target, is not restarted along with it.
    assert_eq!(foreseen(&early(BASE), &early(BASE), "part.service"), "start tmpfiles.service");
}

#[test]
fn a_changed_fstab_is_treated_as_in_nixos() {
    // Each row: the line of a mount or swap device on the host and in the new system, the changes if its unit
    // is active, and the changes if it is not.
    let rows = [
        ("/dev/a /srv ext4 rw 0 2", "/dev/a /srv ext4 rw 0 0", "", ""),
        ("/dev/a /srv ext4 rw", "/dev/a /srv ext4 ro", "reload srv.mount", "start srv.mount"),
        ("/dev/a /srv ext4 rw", "/dev/b /srv ext4 rw", "restart srv.mount", "start srv.mount"),
        ("/dev/a /srv ext4 rw", "/dev/a /srv xfs ro", "restart srv.mount", "start srv.mount"),
        ("/dev/a /srv ext4 rw", "", "stop srv.mount", ""),
        ("", "/dev/a /srv ext4 rw", "", "start srv.mount"),
        ("", "/dev/a /srv ext4 rw,noauto", "", ""),
        ("", "/dev/a /srv ext4 x-systemd.automount", "start srv.automount", "start srv.automount"),
        ("/dev/a / ext4 rw", "/dev/b / ext4 rw", "skip -.mount", "skip -.mount"),
        ("/dev/a /nix ext4 rw", "/dev/b /nix ext4 ro", "reload nix.mount", "start nix.mount"),
        ("/dev/a none swap sw", "", "stop dev-a.swap", ""),
        ("/dev/a none swap sw", "/dev/a none swap pri=1", "", ""),
        ("", "/dev/a none swap sw", "", "start dev-a.swap"),
    ];
    for (old, new, active, inactive) in rows {
        let fstab = |line: &str| format!("# Filesystems.\n{line}\n");
        let new_system = SystemSummary { fstab: Some(fstab(new)), ..SystemSummary::default() };
        let states = "srv.mount -.mount nix.mount dev-a.swap";
        for (states, expected) in [(states, active), ("", inactive)] {
            let found = shown(&SystemSummary::default(), &new_system, &fstab(old), states);
            assert_eq!(found, expected, "{old} → {new}, {states}");
        }
        // The summary of an older version of NixFleet has no `fstab`.
        assert_eq!(shown(&new_system, &SystemSummary::default(), &fstab(old), states), "");
    }
    let bound = [("app.service", "[Unit]\nBindsTo=srv.mount\n")];
    let gone = SystemSummary { fstab: Some(String::new()), ..system(&bound) };
    let found = shown(&system(&bound), &gone, "/dev/a /srv ext4\n", "srv.mount app.service");
    assert_eq!(found, "stop app.service srv.mount");
}
