//! `nixfleet-activate`: builds host closures and activates them.

fn main() {}
