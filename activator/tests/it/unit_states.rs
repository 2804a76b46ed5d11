//! Tests of units of the distribution: their links are made, removed and restored.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::{Value, json};

use crate::room::Room;

const INSTALL: &str = "[Install]\nWantedBy=multi-user.target\nAlias=www.service\n";
const WANTS: &str = "/etc/systemd/system/multi-user.target.wants/app.service";
const ALIAS: &str = "/etc/systemd/system/www.service";
const MASK: &str = "/etc/systemd/system/app.service";
const FILE: &str = "/usr/lib/systemd/system/app.service";

fn state(unit: &str, field: &str, value: bool) -> Value {
    let mut state = json!({ "name": unit, "enabled": null, "running": null, "masked": null });
    state[field] = value.into();
    json!({ "unitStates": [state] })
}

/// Creates a host with a unit file of the distribution.
fn with_unit(text: &str) -> Room {
    let room = Room::new();
    room.write(FILE, text);
    room
}

fn links(room: &Room, path: &str, target: &str) {
    fs::create_dir_all(room.path(path).parent().unwrap()).unwrap();
    symlink(target, room.path(path)).unwrap();
}

fn target(room: &Room, path: &str) -> Option<String> {
    fs::read_link(room.path(path)).ok().map(|target| target.to_str().unwrap().to_owned())
}

/// Applies a declaration, and checks that a second apply changes nothing.
fn applies(room: &Room, name: &str, lists: &Value) {
    let closure = room.closure(name, lists);
    room.applied(&closure, "ok");
    room.applied(&closure, "unchanged");
    assert_eq!(room.status()["drift"], json!([]));
}

fn problem(room: &Room, name: &str, lists: &Value) -> String {
    let plan = room.plan(&room.closure(name, lists));
    let problem = &plan["problems"][0];
    format!("{} {}: {}", problem["code"].as_str().unwrap(), problem["what"], problem["help"]).replace('"', "")
}

#[test]
fn an_enabled_unit_has_the_links_of_its_install_section() {
    let room = with_unit(INSTALL);
    applies(&room, "on", &state("app.service", "enabled", true));
    for path in [WANTS, ALIAS] {
        assert_eq!(target(&room, path).as_deref(), Some(FILE), "{path}");
    }
    applies(&room, "empty", &json!({}));
    for path in [WANTS, ALIAS] {
        assert_eq!(target(&room, path), None, "{path}");
    }
}

#[test]
fn the_links_of_the_distribution_stay_as_they_are() {
    let room = with_unit(INSTALL);
    let debian = "/lib/systemd/system/app.service";
    links(&room, WANTS, debian);
    links(&room, ALIAS, debian);
    applies(&room, "on", &state("app.service", "enabled", true));
    assert_eq!(target(&room, WANTS).as_deref(), Some(debian));
    applies(&room, "empty", &json!({}));
    assert_eq!(target(&room, WANTS).as_deref(), Some(debian), "the unit was enabled before");
}

#[test]
fn a_disabled_unit_has_no_links_until_its_declaration_ends() {
    let room = with_unit(INSTALL);
    let other = "/etc/systemd/system/own.target.wants/app.service";
    for path in [WANTS, ALIAS, other] {
        links(&room, path, FILE);
    }
    applies(&room, "off", &state("app.service", "enabled", false));
    for path in [WANTS, ALIAS, other] {
        assert_eq!(target(&room, path), None, "{path}");
    }
    // Somebody enables the unit by hand.
    links(&room, WANTS, FILE);
    let drift = room.status()["drift"].clone();
    assert_eq!(drift[0]["subject"], WANTS, "{drift}");
    room.applied(&room.closure("off-again", &state("app.service", "enabled", false)), "ok");
    assert_eq!(target(&room, WANTS), None);

    applies(&room, "empty", &json!({}));
    for path in [WANTS, ALIAS, other] {
        assert_eq!(target(&room, path).as_deref(), Some(FILE), "{path}");
    }
}

#[test]
fn a_rollback_gives_back_the_state_of_before() {
    let room = with_unit(INSTALL);
    links(&room, WANTS, FILE);
    applies(&room, "on", &state("app.service", "enabled", true));
    applies(&room, "off", &state("app.service", "enabled", false));
    assert_eq!(target(&room, WANTS), None);
    let report = room.rollback("1");
    assert_eq!(report["outcome"], "ok", "{report:#}");
    assert_eq!(target(&room, WANTS).as_deref(), Some(FILE));
}

#[test]
fn a_unit_is_masked_and_unmasked() {
    let room = with_unit(INSTALL);
    applies(&room, "masked", &state("app.service", "masked", true));
    assert_eq!(target(&room, MASK).as_deref(), Some("/dev/null"));
    applies(&room, "empty", &json!({}));
    assert_eq!(target(&room, MASK), None);

    links(&room, MASK, "/dev/null");
    applies(&room, "unmasked", &state("app.service", "masked", false));
    assert_eq!(target(&room, MASK), None);
    applies(&room, "empty-again", &json!({ "groups": [{ "name": "g", "gid": null }] }));
    assert_eq!(target(&room, MASK).as_deref(), Some("/dev/null"), "the unit was masked before");
}

#[test]
fn the_file_behind_a_mask_says_how_a_unit_is_disabled() {
    let room = with_unit(INSTALL);
    links(&room, WANTS, FILE);
    let mut lists = state("app.service", "masked", true);
    lists["unitStates"][0]["enabled"] = false.into();
    applies(&room, "off", &lists);
    assert_eq!((target(&room, WANTS), target(&room, MASK).as_deref()), (None, Some("/dev/null")));
}

#[test]
fn units_that_belong_together_are_enabled_together() {
    let room = with_unit("[Install]\nAlso=app.socket missing.service\n");
    room.write("/lib/systemd/system/app.socket", "[Install]\nWantedBy=sockets.target\n");
    let socket = "/etc/systemd/system/sockets.target.wants/app.socket";
    applies(&room, "on", &state("app.service", "enabled", true));
    assert_eq!(target(&room, socket).as_deref(), Some("/lib/systemd/system/app.socket"));
    // A declaration of the socket itself counts more.
    let mut both = state("app.service", "enabled", true);
    let off = state("app.socket", "enabled", false)["unitStates"][0].clone();
    both["unitStates"].as_array_mut().unwrap().push(off);
    applies(&room, "both", &both);
    assert_eq!(target(&room, socket), None);
}

#[test]
fn an_instance_of_a_template_is_enabled() {
    let room = Room::new();
    room.write("/usr/lib/systemd/system/app@.service", "[Install]\nWantedBy=multi-user.target\n");
    applies(&room, "on", &state("app@one.service", "enabled", true));
    let link = "/etc/systemd/system/multi-user.target.wants/app@one.service";
    assert_eq!(target(&room, link).as_deref(), Some("/usr/lib/systemd/system/app@.service"));
}

#[test]
fn a_state_that_a_unit_cannot_have_is_refused_before_anything_changes() {
    let room = with_unit("[Service]\nExecStart=/bin/true\n");
    links(&room, "/lib/systemd/system/www.service", "app.service");
    room.write("/etc/init.d/old", "#!/bin/sh\n");
    for (unit, enabled, expected) in [
        (
            "app.service",
            true,
            "NF-406 unit app.service cannot be enabled: remove `enabled`: other units start this unit when they \
             need it",
        ),
        (
            "www.service",
            true,
            "NF-406 unit www.service is another name of a unit: declare nixfleet.systemd.units.\\app.service\\ \
             instead",
        ),
        (
            "old.service",
            false,
            "NF-406 unit old.service cannot be enabled or disabled: run update-rc.d on the host, and remove \
             `enabled`",
        ),
        (
            "gone.service",
            true,
            "NF-406 unit gone.service does not exist on the host: install the package that has the unit, or \
             remove the declaration",
        ),
    ] {
        assert_eq!(problem(&room, unit, &state(unit, "enabled", enabled)), expected);
    }
    // A unit without an [Install] section is never enabled, so it is disabled already.
    room.applied(&room.closure("off", &state("app.service", "enabled", false)), "ok");
    assert!(!Path::new(&room.path(WANTS)).exists());
}
