//! Tests of accounts that existed before NixFleet managed them, of homes, and of account names. Fields that
//! are not declared are left alone, and previous values are restored.

use nixfleet_lab::guest::Guest;
use serde_json::{Value, json};

use crate::stage::assert_says;
use crate::stage::role::Stage;

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGw1ZmlsbGVyZmlsbGVyZmlsbGVyZmlsbGVyZmlsbGVy ada";

/// Returns what a host has recorded about an account: its entries in the account files, and its groups.
fn account(host: &Guest, name: &str) -> String {
    host.ask(&format!(
        "getent passwd {name}; getent shadow {name}; id {name}; grep '\\b{name}\\b' /etc/gshadow; true"
    ))
    .unwrap()
}

fn declares(stage: &Stage, users: &Value) {
    stage.declares(&json!({ "users": users }));
}

#[test]
fn an_account_that_was_there_before_comes_back_as_it_was() {
    let stage = Stage::set();
    let host = stage.web();
    host.ask("useradd --create-home --shell /bin/sh --comment 'By hand' --groups audio first.last").unwrap();
    host.ask("groupadd --system Debian-exim").unwrap();
    declares(&stage, &json!({ "no.body": {}, "games": { "extraGroups": ["Debian-nothing"] } }));
    stage.fails("blocked", "NF-407", &["Debian-nothing"]);
    let sayings = [
        "user `no.body` does not exist on the host",
        "is not a valid name for a new account",
        "group `Debian-nothing` does not exist on the host",
    ];
    assert_says(&stage.types("nixfleet plan --host web-1"), 2, &sayings);

    declares(&stage, &json!({ "games": { "shell": "/bin/fsh" } }));
    let shell = "games: nobody could log in as games, since the shell cannot be run: /bin/fsh: No such file";
    assert_says(&stage.types("nixfleet plan --host web-1"), 0, &[shell]);

    let names = ["games", "backup", "first.last"];
    let before = names.map(|name| account(host, name));

    // The most common use: a key for an existing account.
    let keys = json!({ "authorizedKeys": [KEY] });
    declares(&stage, &json!({ "games": { "openssh": keys }, "first.last": { "openssh": keys } }));
    stage.applies();
    assert_eq!(names.map(|name| account(host, name)), before);

    let games = json!({
        "shell": "/bin/bash", "extraGroups": ["sudo"], "home": "/usr/local/games", "description": "Played",
        "group": "operator", "openssh": keys,
    });
    declares(
        &stage,
        &json!({
            "games": games,
            "backup": { "extraGroups": ["adm"] },
            "first.last": { "shell": "/bin/bash", "extraGroups": ["Debian-exim"] },
            "joiner": { "extraGroups": ["sudo"] },
        }),
    );
    let plan = stage.types("nixfleet plan --host web-1");
    assert_says(
        &plan,
        0,
        &[
            "user games: group: games → operator, home: /usr/games → /usr/local/games, shell: /usr/sbin/nologin → \
             /bin/bash, description: games → Played, groups: none → sudo",
            "user backup: groups: none → adm",
            "user first.last: shell: /bin/sh → /bin/bash, groups: audio → Debian-exim,audio",
            "system user joiner, groups joiner, sudo",
        ],
    );
    stage.applies();
    assert!(account(host, "games").contains("(sudo)") && account(host, "joiner").contains("(sudo)"));

    // Roll back by one generation.
    stage.rolls_back();
    assert_eq!(names.map(|name| account(host, name)), before);
    assert!(!account(host, "joiner").contains("(sudo)"));

    // Apply again. Then first.last gets another shell by hand, and all users are removed from the role.
    stage.types("nixfleet apply --yes --host web-1").success().unwrap();
    assert!(account(host, "joiner").contains("(sudo)"));
    host.ask("usermod --shell /bin/dash first.last").unwrap();
    declares(&stage, &json!({}));
    let plan = stage.types("nixfleet plan --host web-1");
    assert_says(
        &plan,
        0,
        &[
            "user games: group: operator → games, home: /usr/local/games → /usr/games, shell: /bin/bash → \
             /usr/sbin/nologin, description: Played → games, groups: sudo → none",
            "user joiner is locked and leaves sudo; the account and its id stay",
            "first.last: shell stays /bin/dash, since it was changed by hand; it was /bin/sh before NixFleet \
             managed the user",
        ],
    );
    stage.applies();
    host.ask("usermod --shell /bin/sh first.last").unwrap();
    assert_eq!(names.map(|name| account(host, name)), before);
    assert!(!account(host, "joiner").contains("(sudo)"));
}

#[test]
fn a_home_stays_while_its_user_runs_something() {
    let stage = Stage::set();
    let host = stage.web();
    host.ask("useradd --create-home ada").unwrap();
    let runs = "systemd-run --quiet --unit hers --property User=ada sleep infinity";
    let refused = || {
        let sayings = ["the home of `ada` cannot change while the user runs process", "(sleep)"];
        assert_says(&stage.types("nixfleet plan --host web-1"), 2, &sayings);
        stage.fails("blocked", "NF-407", &sayings);
    };
    host.ask(runs).unwrap();
    declares(&stage, &json!({ "ada": { "home": "/srv/ada" } }));
    refused();
    host.ask("systemctl stop hers").unwrap();
    stage.applies();
    host.ask(runs).unwrap();
    declares(&stage, &json!({}));
    refused();
    host.ask("systemctl stop hers").unwrap();
    stage.applies();
    assert!(account(host, "ada").contains("/home/ada"));
}

#[test]
fn a_user_has_a_home_that_is_its_own() {
    let stage = Stage::set();
    let host = stage.web();
    let ada = json!({ "system": false, "extraGroups": ["sudo"] });
    let bashrc = json!({ "text": "# ada's\n", "owner": "ada", "group": "ada" });
    stage.declares(&json!({ "users": { "ada": ada }, "files": { "/home/ada/.bashrc": bashrc } }));
    stage.applies();
    let by_hand = host.ask("useradd --create-home someone; stat --format=%a /home/someone").unwrap();
    assert_eq!(host.ask("stat --format='%a %U:%G' /home/ada").unwrap(), format!("{by_hand} ada:ada"));
    host.ask("runuser -u ada -- touch /home/ada/mine; cmp /etc/skel/.profile /home/ada/.profile").unwrap();
    assert_eq!(host.ask("cat /home/ada/.bashrc").unwrap(), "# ada's");

    // A deleted home is created again.
    host.ask("rm --recursive /home/ada").unwrap();
    assert_says(&stage.types("nixfleet status --host web-1"), 0, &["home /home/ada: missing"]);
    stage.applies();
    host.ask("runuser -u ada -- touch /home/ada/mine").unwrap();

    // A change is refused if the home of a new user was made by hand before and belongs to root.
    host.ask("mkdir /home/tester").unwrap();
    let tester = json!({ "system": false });
    let users = json!({ "ada": ada, "tester": tester });
    declares(&stage, &users);
    let sayings = ["/home/tester", "belongs to root", "nixfleet.directories.", "createHome = false"];
    stage.fails("blocked", "NF-407", &sayings);
    let given = json!({ "/home/tester": { "mode": "0750", "owner": "tester", "group": "tester" } });
    stage.declares(&json!({ "users": users, "directories": given }));
    stage.applies();
    host.ask("runuser -u tester -- touch /home/tester/mine").unwrap();

    // When a failed change is undone, the home that it created is deleted.
    let failing = json!({ "text": "[Service]\nExecStart=/bin/false\nType=oneshot\n[Install]\nWantedBy=multi-user.target\n" });
    let users = json!({ "ada": ada, "tester": tester, "late": { "system": false } });
    let units = json!({ "units": { "broken.service": failing } });
    stage.declares(&json!({ "users": users, "directories": given, "systemd": units }));
    assert_says(&stage.types("nixfleet apply --yes --host web-1"), 2, &["rolled-back"]);
    host.ask("getent passwd late && test ! -e /home/late").unwrap();
}
