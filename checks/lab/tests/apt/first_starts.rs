//! Tests of the first start of a daemon that its own package enables.

use serde_json::json;

use super::{POSTINST, Package, Stage, app, installed, library, role, starts};

/// The daemon, in a package that enables its unit.
pub fn enables_itself() -> Package {
    Package { postinst: format!("{POSTINST}systemctl enable app.service\n").leak(), ..app("1.0") }
}

#[test]
fn only_a_start_by_the_distribution_comes_before_the_files_of_the_fleet() {
    let stage = Stage::set();
    stage.publishes(&[enables_itself(), library()]);
    let mut role = role();
    role["systemd"] = json!({});
    stage.declares(&role);
    stage.applies("ok");
    for host in stage.hosts() {
        assert_eq!(starts(host), "of the fleet\n", "{}", host.name());
        assert_eq!(host.ask("systemctl is-active app.service").unwrap(), "active");
    }
    stage.declares(&json!({}));
    stage.applies("ok");
    for host in stage.hosts() {
        assert!(!installed(host, "app"));
        host.ask("rm /var/lib/app/starts").unwrap();
    }

    role["apt"]["packages"]["app"]["start"] = "distribution".into();
    stage.declares(&role);
    stage.applies("ok");
    for host in stage.hosts() {
        assert_eq!(starts(host), "of the package\n", "{}", host.name());
        assert_eq!(
            host.ask("systemctl is-active app.service; cat /etc/app.conf").unwrap(),
            "active\nof the fleet"
        );
    }
}
