//! Tests of packages that an apply removes, or must not remove.

use serde_json::json;

use super::failures::{problem, with_failing_unit};
use super::others::dpkg;
use super::resources::traces;
use super::{Package, Stage, app, installed, library, role, starts};

#[test]
fn a_package_of_somebody_else_is_removed_only_if_a_declaration_names_it() {
    let stage = Stage::set();
    let app = Package { control: "Depends: libapp\nConflicts: other\n", ..app("1.0") };
    let of_others = ["other", "further"].map(|name| {
        let path: &'static str = format!("/etc/{name}.conf").leak();
        Package { name, version: "1.0", files: vec![(path, 0o644, "of the package\n")], ..Package::default() }
    });
    let [other, further] = of_others;
    stage.publishes(&[app, library(), other, further]);
    for host in stage.hosts() {
        dpkg(&stage, host, "other_1.0");
        dpkg(&stage, host, "further_1.0");
    }
    let before = stage.hosts().into_iter().map(traces).collect::<Vec<_>>();
    let mut role = role();
    stage.declares(&role);
    let document = stage.applies("blocked");
    for (name, before) in stage.names().zip(before) {
        let problem = problem(&document, name);
        assert_eq!(
            (&problem["code"], &problem["what"]),
            (&json!("NF-425"), &json!("apt would remove other"))
        );
        assert_eq!(traces(stage.host(name)), before, "{name}");
        assert!(installed(stage.host(name), "other"));
    }

    role["apt"]["packages"]["other"] = json!({ "state": "absent" });
    role["apt"]["packages"]["further"] = json!({ "state": "purged" });
    stage.declares(&role);
    stage.applies("ok");
    let left = "ls /etc/other.conf /etc/further.conf 2>/dev/null";
    for host in stage.hosts() {
        assert!(installed(host, "app") && !installed(host, "other") && !installed(host, "further"));
        assert_eq!(host.sh(left).unwrap().stdout.trim(), "/etc/other.conf");
    }
    stage.applies("unchanged");
    role["apt"]["packages"]["other"] = json!({ "state": "purged" });
    stage.declares(&role);
    stage.applies("ok");
    for host in stage.hosts() {
        assert_eq!(host.sh(left).unwrap().stdout, "");
    }
}

#[test]
fn a_package_is_removed_only_after_the_change_is_committed() {
    let stage = Stage::set();
    stage.declares(&role());
    stage.applies("ok");
    stage.declares(&with_failing_unit(json!({})));
    stage.applies("rolled-back");
    for host in stage.hosts() {
        assert!(installed(host, "app") && installed(host, "libapp"), "{}", host.name());
        let asks = "systemctl is-enabled app.service; systemctl is-active app.service; cat /etc/app.conf";
        assert_eq!(host.ask(asks).unwrap(), "enabled\nactive\nof the fleet");
        assert!(!starts(host).contains("of the package"), "{}", starts(host));
    }
    stage.declares(&json!({}));
    stage.applies("ok");
    assert!(stage.hosts().into_iter().all(|host| !installed(host, "app") && !installed(host, "libapp")));
}

#[test]
fn the_running_kernel_is_not_removed() {
    let stage = Stage::set();
    let release = stage.hosts()[0].ask("uname -r").unwrap();
    let kernel: &'static str = format!("linux-image-{release}").leak();
    stage.publishes(&[Package { name: kernel, version: "1.0", ..Package::default() }]);
    for host in stage.hosts() {
        dpkg(&stage, host, &format!("{kernel}_1.0"));
    }
    stage.declares(&json!({ "apt": { "packages": { kernel: { "state": "absent" } } } }));
    let document = stage.applies("blocked");
    for (host, name) in stage.hosts().into_iter().zip(stage.names()) {
        let problem = problem(&document, name);
        assert_eq!(problem["code"], "NF-425", "{problem:#}");
        assert_eq!(problem["why"], "it is the kernel that the host runs", "{problem:#}");
        assert!(installed(host, kernel));
    }
}
