//! Held starts: a unit that a new package brings does not start before the files of the host are in place.
//!
//! Each such unit has a drop-in with a condition. The condition is not met while the file [`HELD`] exists, so
//! a start of the unit succeeds without starting anything. This also holds a `systemctl start` in a
//! maintainer script, a socket, a timer, and the next boot. The removal of the one file releases all units.

use std::collections::{BTreeMap, BTreeSet};

use nixfleet_contract::manifest::UNITS;
use nixfleet_contract::values::UnitName;

/// The file that exists while starts are held.
pub const HELD: &str = "/var/lib/nixfleet/apt/held";

/// The name of the drop-ins. Drop-ins are read in the order of their names, so this one comes last.
const DROP_IN: &str = "zz-nixfleet-held.conf";

/// Returns the drop-ins that hold the starts of units, by their paths.
#[must_use]
pub fn drop_ins(units: &BTreeSet<UnitName>) -> BTreeMap<String, String> {
    let text = format!(
        "# A new package: this unit starts after the files of the host are in place.\n\
         [Unit]\nConditionPathExists=!{HELD}\n"
    );
    units.iter().map(|unit| (format!("{UNITS}{unit}.d/{DROP_IN}"), text.clone())).collect()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn a_unit_is_held_by_a_drop_in_with_a_condition() {
        let units = ["app.service", "app@.service"].map(|unit| unit.parse().unwrap());
        let units: BTreeSet<UnitName> = units.into();
        let drop_ins = drop_ins(&units);
        assert_eq!(
            drop_ins.keys().collect::<Vec<_>>(),
            [
                "/etc/systemd/system/app.service.d/zz-nixfleet-held.conf",
                "/etc/systemd/system/app@.service.d/zz-nixfleet-held.conf",
            ]
        );
        expect![[r#"
            # A new package: this unit starts after the files of the host are in place.
            [Unit]
            ConditionPathExists=!/var/lib/nixfleet/apt/held
        "#]]
        .assert_eq(&drop_ins["/etc/systemd/system/app.service.d/zz-nixfleet-held.conf"]);
    }
}
