//! The lab: real systemd hosts on this machine.

fn main() {}
