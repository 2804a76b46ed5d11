//! Tests of package sources that are limited to some packages, cannot be reached, or send wrong files.

use serde_json::json;

use super::failures::problem;
use super::repository::SERVED;
use super::resources::traces;
use super::{Package, Stage, app, installed, library, role};

#[test]
fn a_source_gives_only_the_packages_that_it_is_for() {
    let stage = Stage::set();
    stage.publishes(&[
        app("1.0"),
        library(),
        Package { name: "other", version: "1.0", ..Package::default() },
    ]);
    let only = "onlyPackages = [ \"app\" \"libapp\" ];";
    let mut wanted = role();
    wanted["apt"]["packages"]["other"] = json!({});
    stage.declares_from(only, &wanted);
    let before = stage.hosts().into_iter().map(traces).collect::<Vec<_>>();
    let document = stage.applies("blocked");
    for (name, before) in stage.names().zip(before) {
        let problem = problem(&document, name);
        assert_eq!(problem["code"], "NF-425", "{problem:#}");
        assert!(problem["why"].as_str().unwrap().contains("other"), "{problem:#}");
        assert_eq!(traces(stage.host(name)), before, "{name}");
    }
    // A declared version does not overrule the pin.
    wanted["apt"]["packages"]["other"] = json!({ "version": "1.0" });
    stage.declares_from(only, &wanted);
    let plan = stage.types("nixfleet plan --role web");
    assert!(plan.stdout.contains("apt would install other 1.0, which a pin forbids"), "{plan}");

    stage.declares_from(only, &role());
    stage.applies("ok");
    for host in stage.hosts() {
        assert!(installed(host, "app") && installed(host, "libapp"));
        host.ask("apt-get -qq update").unwrap();
        assert_eq!(host.ask("apt-cache policy other | grep Candidate").unwrap().trim(), "Candidate: (none)");
    }
}

#[test]
fn recommended_packages_and_pinned_versions_are_as_declared() {
    let stage = Stage::set();
    let package = |name, control| Package { name, version: "1.0", control, ..Package::default() };
    stage.publishes(&[
        package("with", "Recommends: hint-with\n"),
        package("without", "Recommends: hint-without\n"),
        package("hint-with", ""),
        package("hint-without", ""),
        library(),
        Package { version: "2.0", ..library() },
    ]);
    let packages =
        json!({ "with": { "recommends": true }, "without": { "recommends": false }, "libapp": {} });
    let pin = json!({ "packages": ["libapp"], "version": "1.*", "priority": 1001 });
    stage.declares(&json!({ "apt": { "packages": packages, "pins": { "old": pin } } }));
    stage.applies("ok");
    let candidate = "apt-cache policy libapp | grep -o 'Candidate: .*'";
    for host in stage.hosts() {
        assert!(["with", "without", "hint-with"].iter().all(|name| installed(host, name)), "{}", host.name());
        assert!(!installed(host, "hint-without"));
        assert_eq!(host.ask("dpkg-query --show --showformat='${Version}' libapp").unwrap(), "1.0");
        host.ask("apt-get -qq update").unwrap();
        assert_eq!(host.ask(candidate).unwrap(), "Candidate: 1.0");
    }
    stage.applies("unchanged");
    stage.declares(&json!({ "apt": { "packages": packages } }));
    stage.applies("ok");
    for host in stage.hosts() {
        assert_eq!(host.ask(candidate).unwrap(), "Candidate: 2.0");
        assert!(installed(host, "hint-with") && !installed(host, "hint-without"));
    }
}

#[test]
fn a_source_that_is_down_or_sends_another_file_changes_nothing() {
    let stage = Stage::set();
    stage.declares(&role());
    let server = stage.0.operator().unwrap().guest();
    let before = stage.hosts().into_iter().map(traces).collect::<Vec<_>>();
    server.ask("systemctl stop packages").unwrap();
    let down = stage.applies("blocked");
    stage.publishes(&[app("1.0"), library()]);
    let file = format!("{SERVED}/pool/app_1.0_all.deb");
    server.ask(&format!("size=$(stat -c %s {file}); head -c $size /dev/zero > {file}")).unwrap();
    let wrong = stage.applies("blocked");
    for (name, before) in stage.names().zip(before) {
        for (document, why) in [(&down, server.addr()), (&wrong, "app_1.0_all.deb")] {
            let problem = problem(document, name);
            assert_eq!(problem["code"], "NF-425", "{problem:#}");
            assert!(problem["why"].as_str().unwrap().contains(why), "{problem:#}");
        }
        assert_eq!(traces(stage.host(name)), before, "{name}");
        assert!(!stage.host(name).files().unwrap().exists("/var/cache/apt/archives/app_1.0_all.deb"));
    }
    stage.publishes(&[app("1.0"), library()]);
    stage.applies("ok");
}
