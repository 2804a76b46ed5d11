//! The last results of health checks on a host, as they stay known: `checks.json`.

use nixfleet_contract::SCHEMA;
use nixfleet_contract::health::result::Checked;

use crate::host::Host;

/// The name of the document under [`crate::host::HOME`].
pub const RECORD: &str = "checks.json";

/// Notes what was found out. A note that cannot be written changes nothing about the host.
pub fn record(host: &Host, checked: &Checked) {
    let _ = host.write_record(RECORD, checked);
}

/// What is known, if anything is.
#[must_use]
pub fn known(host: &Host) -> Option<Checked> {
    let bytes = host.read_record(RECORD).ok()??;
    serde_json::from_slice(&bytes).ok().filter(|checked: &Checked| checked.schema == SCHEMA)
}
