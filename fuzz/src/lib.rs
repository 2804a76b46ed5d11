//! What the fuzz targets hold the parsers to.

pub mod answer;
#[path = "../../cli/src/render/held.rs"]
pub mod held;
pub mod shown;
#[path = "../../activator/tests/it/harmless.rs"]
pub mod harmless;
