//! Tests of NixOS hosts on trees of files.

mod boots;
mod crashes;
mod generations;
mod owners;
mod switches;
