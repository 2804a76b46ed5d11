//! Checks for the fuzz targets.

pub mod answer;
#[path = "../../activator/tests/it/harmless.rs"]
pub mod harmless;
#[path = "../../cli/src/render/held.rs"]
pub mod held;
pub mod shown;
