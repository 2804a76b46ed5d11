//! What the fuzz targets hold the parsers to.

pub mod answer;
#[path = "../../activator/tests/it/harmless.rs"]
pub mod harmless;
