//! The policy of a host about updates of its operating system and reboots, as the inventory evaluates it.

use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};

use super::update::UpdateScope;
use super::window::WeeklyWindow;
use crate::values::word;

/// The policy of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OsPolicy {
    /// How an Ubuntu or Debian host is updated; `None` if the fleet does not declare it.
    pub mode: Option<UpdateMode>,
    /// Whether `nixfleet due` applies the fleet to a NixOS host, which also updates its operating system.
    pub auto_switch: bool,
    /// The windows in which updates may be installed; at any time if empty.
    pub windows: Vec<WeeklyWindow>,
    /// Whether a host that has to be rebooted is rebooted without a request.
    pub auto_reboot: bool,
    /// The windows in which the host may be rebooted; at any time if empty.
    pub reboot_windows: Vec<WeeklyWindow>,
    /// The limits on reboots at the same time. All of them apply.
    pub reboot_limits: Vec<RebootLimit>,
    /// The updates that an apply installs before it changes the host; `None` if it installs none.
    pub on_apply: Option<UpdateScope>,
}

/// The way in which the operating system of a host is updated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum UpdateMode {
    /// The host itself installs security updates each day, with `unattended-upgrades`.
    SecurityDaily,
    /// `nixfleet due` installs all updates in each window.
    FullWeekly,
    /// Only an update that is asked for with `--ignore-policy`.
    Manual,
}

/// A limit on the number of hosts that are rebooted at the same time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RebootLimit {
    /// The tag whose hosts count; `None` if all hosts of the fleet count.
    #[serde(default, deserialize_with = "word::optional_tag")]
    pub tag: Option<String>,
    /// The maximum number of these hosts, this host included.
    pub max: NonZeroUsize,
}
