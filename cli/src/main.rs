//! The `nixfleet` command.

fn main() {}
