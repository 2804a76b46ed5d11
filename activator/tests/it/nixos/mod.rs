//! Tests of NixOS hosts on trees of files.

mod boots;
mod crashes;
mod drift;
mod generations;
mod owners;
mod switches;
mod walk;
