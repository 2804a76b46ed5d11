//! The `nixfleet` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    nixfleet::run(std::env::args_os())
}
