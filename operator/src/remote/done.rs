//! The answer of an activator that has nothing to tell.

use serde::Deserialize;

/// The answer of an activator, which has no content. A refusal has more fields.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Done {
    #[serde(rename = "schema")]
    _schema: u32,
}
