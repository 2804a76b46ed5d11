//! A test of the downloads before a rollout.

use super::{HOSTS, Stage, installed, role};
use crate::stage::{outcomes, outcomes_of};

#[test]
fn no_host_is_changed_if_one_cannot_download_its_packages() {
    let stage = Stage::set_on(&HOSTS);
    // The repository has lost its packages, and only the first host has them already.
    let fill = format!(
        "cd /var/cache/apt/archives && for it in app libapp; do \
         curl -sfO http://{}:8000/pool/${{it}}_1.0_all.deb; done",
        stage.0.operator().unwrap().guest().addr()
    );
    stage.host("web-1").ask(&fill).unwrap();
    stage.loses_packages();
    stage.declares(&role());
    let plan = stage.types("nixfleet plan --host web-1");
    assert!(plan.stdout.contains("brings app.service"), "{plan}");
    let apply = "nixfleet apply --yes --json --parallel 1 --role web";
    let (finished, document) = stage.types_for_json(apply);
    assert_eq!(outcomes(&document), outcomes_of([("web-1", "deferred"), ("web-2", "blocked")]), "{finished}");
    for host in stage.hosts() {
        assert!(!installed(host, "app") && !installed(host, "libapp"), "{}", host.name());
        assert_eq!(host.sh("cat /etc/app.conf").unwrap().stdout, "");
    }

    stage.publishes(&[super::app("1.0"), super::library()]);
    stage.applies("ok");
}
