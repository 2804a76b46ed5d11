//! Tests of units of the distribution that an apply starts or stops.

use expect_test::expect;
use nixfleet_contract::manifest::DistributionUnit;

use super::{Simulated, target};
use crate::engine::plan::target::Target;

/// Creates a target that declares whether `app.service` runs, or that it is masked.
fn states(closure: &str, running: Option<bool>, masked: Option<bool>) -> Target {
    let mut target = target(closure, &[], &[]);
    let state = DistributionUnit { enabled: None, running, masked };
    if state != DistributionUnit::default() {
        target.manifest.unit_states.insert("app.service".parse().unwrap(), state);
    }
    target
}

#[test]
fn a_unit_that_should_run_is_started_and_stopped_when_its_declaration_ends() {
    let mut host = Simulated::new();
    host.unit("app.service", "inactive");
    let one = states("/one", Some(true), None);
    host.expect(
        &one,
        &expect![[r#"
            ~ generation none → 1
            + start   app.service  should run
        "#]],
    );
    host.apply(&one);
    host.unit("app.service", "active");
    host.expect(&one, &expect![""]);
    host.unit("app.service", "failed");
    host.expect(
        &one,
        &expect![[r#"
            + start   app.service  not running
            drift app.service: failed
        "#]],
    );
    host.unit("app.service", "active");
    host.expect(
        &states("/two", None, None),
        &expect![[r#"
            - stop    app.service  it did not run before NixFleet managed it
            ~ generation 1 → 2
        "#]],
    );
}

#[test]
fn a_unit_that_should_not_run_is_stopped_and_started_when_its_declaration_ends() {
    for (running, masked) in [(Some(false), None), (None, Some(true))] {
        let mut host = Simulated::new();
        host.unit("app.service", "active");
        let one = states("/one", running, masked);
        host.apply(&one);
        host.unit("app.service", "inactive");
        host.expect(&one, &expect![""]);
        host.expect(
            &states("/two", None, None),
            &expect![[r#"
                ~ generation 1 → 2
                + start   app.service  it ran before NixFleet managed it
            "#]],
        );
    }
}

#[test]
fn a_unit_that_was_started_by_hand_is_stopped_again() {
    let mut host = Simulated::new();
    host.unit("app.service", "inactive");
    let one = states("/one", Some(false), None);
    host.apply(&one);
    host.unit("app.service", "active");
    host.expect(
        &one,
        &expect![[r#"
            - stop    app.service  should not run
            drift app.service: running
        "#]],
    );
}

#[test]
fn a_unit_that_systemd_does_not_know_cannot_run() {
    let mut host = Simulated::new();
    host.unit("app.service", "inactive").absent = true;
    host.expect(
        &states("/one", Some(true), None),
        &expect![[r#"
            ~ generation none → 1
            [NF-406] unit app.service does not exist on the host
              where: nixfleet.systemd.units."app.service"
              help: install the package that has the unit, or remove the declaration
        "#]],
    );
}
