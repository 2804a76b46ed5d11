//! Tests the operator library without the command line: a small program plans and applies a host.

use std::fs;

use nixfleet_lab::binaries::Binaries;

use crate::stage::{assert_says, generation, lone};

#[test]
fn a_program_plans_and_applies_a_host_without_the_command_line() {
    let program = fs::read(Binaries::build_example().unwrap()).unwrap();
    let lab = lone("web-1");
    let operator = lab.operator().unwrap();
    let script = "cat > /usr/local/bin/apply-example && chmod 0755 /usr/local/bin/apply-example";
    let shell = operator.guest().program("sh").unwrap().args(["-ec", script]);
    shell.input(program).run().unwrap().success().unwrap();

    let applied = operator.types("apply-example . web-1").unwrap();
    assert_says(&applied, 0, &["web-1: ok"]);
    let steps = applied.stdout.lines().next().unwrap();
    assert!(steps.starts_with("web-1: ") && steps.ends_with(" steps") && !steps.contains(" 0 "), "{steps}");
    let web = lab.guest("web-1").unwrap();
    assert_eq!(generation(web), 1);
    assert_says(
        &operator.types("nixfleet plan --host web-1 --exit-code").unwrap(),
        0,
        &["Nothing to change"],
    );
    assert_says(
        &operator.types("apply-example . web-1").unwrap(),
        0,
        &["web-1: 0 steps", "web-1: unchanged"],
    );
    assert_says(&operator.types("apply-example . nobody").unwrap(), 1, &["NF-103", "nobody"]);
}
