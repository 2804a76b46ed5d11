//! Handles units that refuse manual starts or stops: the plan leaves these units alone and warns about them.

use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::values::UnitName;

use crate::engine::family::units::diff::Differ;
use crate::engine::family::units::diff::unit_action::{UnitAction, UnitActions};
use crate::host::systemd::Refuses;

impl Differ<'_> {
    /// Reports a problem for each reload that systemd would refuse. Removes every other action that systemd
    /// would refuse, and adds a warning that tells when the change will take effect.
    pub(in crate::engine) fn refused(&mut self, actions: &mut UnitActions) {
        for (unit, action, why) in actions.to_vec() {
            let Refuses { start, stop, reload } = self.refuses(&unit, action);
            let setting = match action {
                UnitAction::Reload if reload => {
                    self.problems.push(
                        Problem::new(Code::Unit, format!("unit {unit} cannot be reloaded"))
                            .at(&unit)
                            .because(format!(
                                "the change would reload the unit ({why}), but the unit has no ExecReload="
                            ))
                            .help(
                                "let the change restart the unit instead: list the unit in `restartUnits`, \
                                 or remove `reloadIfChanged`",
                            ),
                    );
                    continue;
                }
                UnitAction::Start | UnitAction::Restart if start => "RefuseManualStart=",
                UnitAction::Stop | UnitAction::Restart if stop => "RefuseManualStop=",
                UnitAction::Start | UnitAction::Stop | UnitAction::Restart | UnitAction::Reload => continue,
            };
            let what = match action {
                UnitAction::Stop => {
                    format!(
                        "it continues to run until the host reboots, since it refuses to be stopped \
                         ({setting})"
                    )
                }
                UnitAction::Restart => format!(
                    "not restarted, since the unit does not allow it ({setting}): the change takes effect \
                     after a reboot ({why})"
                ),
                UnitAction::Start | UnitAction::Reload => {
                    format!(
                        "not started, since the unit does not allow it ({setting}): another unit or a reboot \
                         starts it"
                    )
                }
            };
            self.warn(&unit, what);
            actions.remove(&unit);
        }
    }

    /// Returns which jobs systemd will refuse at the time of the action. When a unit is stopped, its old
    /// files are still loaded. For every other action, its new files are loaded.
    pub(in crate::engine) fn refuses(&self, unit: &UnitName, action: UnitAction) -> Refuses {
        let observed = self.observed_state(unit, false).refuses;
        let declared = self.declared(unit);
        let changes = |files: &[_]| files.iter().any(|path| self.changed.contains(path));
        let Some(new) = declared.filter(|new| action != UnitAction::Stop && changes(&new.files)) else {
            return observed;
        };
        // If NixFleet manages the whole unit file, a setting that is missing in the file has systemd's
        // default.
        let by_default = |was: bool| new.enabled.is_none() && was;
        Refuses {
            start: new.handling.refuses_start.unwrap_or_else(|| by_default(observed.start)),
            stop: new.handling.refuses_stop.unwrap_or_else(|| by_default(observed.stop)),
            reload: !new.handling.reloads && by_default(observed.reload),
        }
    }
}
