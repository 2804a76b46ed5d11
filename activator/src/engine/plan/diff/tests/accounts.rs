//! Tests of account changes that a plan refuses.

use serde_json::json;

use crate::engine::plan::diff::tests::{Simulated, target, unit};
use crate::engine::plan::target::Target;
use crate::host::accounts::{Accounts, Process};

const WEB: &str = "[Service]\nUser=web\nExecStart=/bin/web\n[Install]\nWantedBy=multi-user.target\n";

fn with_home(closure: &str, home: &str) -> Target {
    let mut target = target(closure, &[], &[unit("web.service", WEB, true)]);
    let user = json!({
        "name": "web", "uid": null, "group": "web", "extraGroups": [], "home": home, "createHome": false,
        "shell": "/usr/sbin/nologin", "system": true, "description": "",
    });
    target.manifest.users.push(serde_json::from_value(user).unwrap());
    target
}

#[test]
fn a_home_stays_while_a_service_runs_as_its_user() {
    let mut host = Simulated::new();
    let accounts = "root:x:0:0::/root:/bin/sh\nweb:x:999:999::/srv/old:/usr/sbin/nologin\n";
    host.observed.accounts = Accounts::parse(accounts, "root:x:0:\nweb:x:999:\n");
    host.apply(&with_home("/one", "/srv/old"));
    let mut problems = |user: &str, active: &str, sub: &str, home: &str| {
        let state = host.unit("web.service", active);
        (state.user, state.sub) = (user.to_owned(), sub.to_owned());
        let target = with_home("/two", home);
        let problems =
            crate::engine::plan::diff::tests::diff(&host.state, target.view(), &host.observed).problems;
        problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    for user in ["web", "999"] {
        let said = problems(user, "active", "running", "/srv/new");
        for words in ["NF-407", "web.service", "nixfleet.users.web.home", "systemctl stop web.service"] {
            assert!(said.contains(words), "{words}: {said}");
        }
    }
    assert_eq!(problems("web", "active", "running", "/srv/old"), "");
    assert_eq!(problems("web", "active", "exited", "/srv/new"), "");
    assert_eq!(problems("web", "inactive", "dead", "/srv/new"), "");
    assert_eq!(problems("other", "active", "running", "/srv/new"), "");
}

#[test]
fn a_home_stays_while_its_user_is_logged_in() {
    let mut host = Simulated::new();
    let accounts = "root:x:0:0::/root:/bin/sh\nweb:x:999:999::/srv/old:/bin/sh\n";
    host.observed.accounts = Accounts::parse(accounts, "root:x:0:\nweb:x:999:\n");
    host.apply(&with_home("/one", "/srv/old"));
    let shell = Process { id: 7, name: "bash".to_owned(), unit: None };
    host.observed.processes.insert(999, vec![shell]);
    let problems = |home: &str| {
        let target = with_home("/two", home);
        crate::engine::plan::diff::tests::diff(&host.state, target.view(), &host.observed).problems
    };
    assert_eq!(problems("/srv/old"), []);
    assert!(problems("/srv/new")[0].to_string().contains("while the user runs process 7 (bash)"));
}
