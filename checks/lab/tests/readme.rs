//! The documentation keeps its word: what it tells a reader to write and type works, in that order.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use nixfleet_lab::checkout;
use nixfleet_lab::command::Program;
use nixfleet_lab::lab::{Lab, Plan};
use nixfleet_lab::manual::{Instruction, instructions};

#[test]
fn the_readme_works_when_followed_to_the_letter() {
    follow("README.md");
}

#[test]
fn the_tutorial_works_when_followed_to_the_letter() {
    follow("docs/tutorial.md");
}

#[test]
fn the_page_on_rollouts_works_when_followed_to_the_letter() {
    follow("docs/how-to/rollouts.md");
}

/// Does what a page says, in a new folder on the operator's machine.
fn follow(page: &str) {
    let text = std::fs::read_to_string(checkout::path(page)).unwrap();
    let instructions = instructions(&text);
    let typed = instructions.iter().filter(|instruction| matches!(instruction, Instruction::Type(_))).count();
    assert!(typed > 5, "{page} tells a reader to type only {typed} lines");
    let lab = Lab::boot(&Plan::of_test()).unwrap();
    let operator = lab.operator().unwrap();
    operator.types("mkdir ../reader").unwrap().success().unwrap();
    operator
        .guest()
        .files()
        .unwrap()
        .write("/home/ada/reader/flake.lock", operator.offline_lock().unwrap())
        .unwrap();

    for instruction in instructions {
        match instruction {
            Instruction::Write { path, text } => {
                let folder = format!("mkdir -p \"$(dirname '../reader/{path}')\"");
                operator.types(&folder).unwrap().success().unwrap();
                operator.guest().files().unwrap().write(&format!("/home/ada/reader/{path}"), text).unwrap();
            }
            Instruction::Type(line) => {
                let finished = operator.types(&format!("cd ../reader\n{line}")).unwrap();
                assert!(finished.ok(), "`{line}` from {page}: {finished}");
            }
            Instruction::TypeInClone(line) => {
                let dry = line.replacen("make ", "make --dry-run ", 1);
                assert_ne!(dry, line, "in a clone, {page} only uses make");
                let here = Program::new("sh").args(["-c", &dry]).dir(checkout::path("")).run().unwrap();
                here.success().unwrap();
            }
        }
    }
}
