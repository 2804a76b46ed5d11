//! The README keeps its word: what it tells a reader to write and type works, in that order.

use nixfleet_lab::checkout;
use nixfleet_lab::command::Program;
use nixfleet_lab::lab::{Lab, Plan};
use nixfleet_lab::manual::{Instruction, instructions};

#[test]
fn the_readme_works_when_followed_to_the_letter() {
    let page = std::fs::read_to_string(checkout::path("README.md")).unwrap();
    let instructions = instructions(&page);
    let typed = instructions.iter().filter(|instruction| matches!(instruction, Instruction::Type(_))).count();
    assert!(typed > 5, "the README tells a reader to type only {typed} lines");
    let lab = Lab::boot(&Plan::of_test()).unwrap();
    let operator = lab.operator().unwrap();
    operator.types("mkdir ../readme").unwrap().success().unwrap();
    operator
        .guest()
        .files()
        .unwrap()
        .write("/home/ada/readme/flake.lock", operator.offline_lock().unwrap())
        .unwrap();

    for instruction in instructions {
        match instruction {
            Instruction::Write { path, text } => {
                let folder = format!("mkdir -p \"$(dirname '../readme/{path}')\"");
                operator.types(&folder).unwrap().success().unwrap();
                operator.guest().files().unwrap().write(&format!("/home/ada/readme/{path}"), text).unwrap();
            }
            Instruction::Type(line) => {
                let finished = operator.types(&format!("cd ../readme\n{line}")).unwrap();
                assert!(finished.ok(), "`{line}` from the README: {finished}");
            }
            Instruction::TypeInClone(line) => {
                let dry = line.replacen("make ", "make --dry-run ", 1);
                assert_ne!(dry, line, "in a clone, the README only uses make");
                let here = Program::new("sh").args(["-c", &dry]).dir(checkout::path("")).run().unwrap();
                here.success().unwrap();
            }
        }
    }
}
