//! The last results of health checks on a host, stored in `checks.json`.

use nixfleet_contract::SCHEMA;
use nixfleet_contract::health::result::Checked;

use crate::host::Host;

/// The file name of the document in [`crate::host::HOME`].
pub const RECORD: &str = "checks.json";

/// Stores the results of health checks. Errors are ignored, because the results do not affect the host.
pub fn record(host: &Host, checked: &Checked) {
    let _ = host.write_record(RECORD, checked);
}

/// Returns the stored results, if there are any that this version can read.
#[must_use]
pub fn known(host: &Host) -> Option<Checked> {
    let bytes = host.read_record(RECORD).ok()??;
    serde_json::from_slice(&bytes).ok().filter(|checked: &Checked| checked.schema == SCHEMA)
}
