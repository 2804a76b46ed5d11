//! The blocks of an SSH configuration, and the settings that a host gets from them.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::pattern;
use crate::import::note::Place;

/// Settings, in lower case, that are not imported: they do not change how a host is reached, or `NixFleet`
/// sets them itself.
const NOT_OF_THE_WAY: [&str; 40] = [
    "addkeystoagent",
    "batchmode",
    "compression",
    "connectionattempts",
    "connecttimeout",
    "controlmaster",
    "controlpath",
    "controlpersist",
    "clearallforwardings",
    "dynamicforward",
    "enableescapecommandline",
    "escapechar",
    "exitonforwardfailure",
    "forkafterauthentication",
    "forwardagent",
    "forwardx11",
    "forwardx11timeout",
    "forwardx11trusted",
    "gatewayports",
    "hashknownhosts",
    "ignoreunknown",
    "localcommand",
    "localforward",
    "loglevel",
    "numberofpasswordprompts",
    "permitlocalcommand",
    "remotecommand",
    "remoteforward",
    "requesttty",
    "sendenv",
    "serveralivecountmax",
    "serveraliveinterval",
    "sessiontype",
    "setenv",
    "stdinnull",
    "stricthostkeychecking",
    "tag",
    "tcpkeepalive",
    "usekeychain",
    "visualhostkey",
];

/// A condition under which the settings of a block apply.
#[derive(Debug)]
pub enum Condition {
    /// The condition of a `Host` line: one of the patterns matches the name that was given to `ssh`.
    Name(Vec<String>),
    /// The condition of a `Match originalhost` line: one of the patterns matches the name that was given to
    /// `ssh`. Unlike the names in a `Host` line, the names in this line are not imported as hosts.
    GivenName(Vec<String>),
    /// The condition of a `Match host` line: one of the patterns matches the address of the host.
    Address(Vec<String>),
    /// Any other condition. It counts as false, because only `ssh` can decide it.
    Unknown,
}

/// Settings, and the conditions under which the settings apply.
#[derive(Debug)]
pub struct Block {
    /// The conditions. The settings apply only if all conditions are true.
    pub conditions: Vec<Rc<Condition>>,
    /// The settings, in the order of the file.
    pub settings: Vec<Setting>,
}

/// A setting: a keyword and its value.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The keyword, in upper and lower case as in the file.
    pub keyword: String,
    /// The arguments of the keyword, joined by spaces.
    pub value: String,
    /// The file and line of the setting.
    pub place: Place,
}

/// The settings of one host, by keyword in lower case. If a keyword is set several times, the first value
/// applies, as in `ssh`.
pub struct Settings<'b>(BTreeMap<String, &'b Setting>);

impl<'b> Settings<'b> {
    /// Returns the settings that apply if `name` is given to `ssh`.
    pub fn of(name: &str, blocks: &'b [Block]) -> Self {
        let mut settings = Self(BTreeMap::new());
        for block in blocks {
            if block.conditions.iter().all(|condition| settings.satisfies(condition, name)) {
                for setting in &block.settings {
                    settings.0.entry(setting.keyword.to_ascii_lowercase()).or_insert(setting);
                }
            }
        }
        settings
    }

    fn satisfies(&self, condition: &Condition, name: &str) -> bool {
        match condition {
            Condition::Name(patterns) | Condition::GivenName(patterns) => {
                pattern::matches_list(patterns, name)
            }
            Condition::Address(patterns) => pattern::matches_list(patterns, &self.host_name(name)),
            Condition::Unknown => false,
        }
    }

    /// Returns the setting of a keyword. The argument `keyword` is in lower case.
    pub fn setting(&self, keyword: &str) -> Option<&'b Setting> {
        self.0.get(keyword).copied()
    }

    /// Returns the value of a keyword. The argument `keyword` is in lower case.
    pub fn value(&self, keyword: &str) -> Option<&'b str> {
        self.setting(keyword).map(|setting| setting.value.as_str())
    }

    /// Returns the address of a host: the value of `HostName` if it is set, and `name` otherwise.
    pub fn host_name(&self, name: &str) -> String {
        let Some(value) = self.value("hostname") else { return name.to_owned() };
        value.replace("%%", "\0").replace("%h", name).replace("%n", name).replace('\0', "%")
    }

    /// Returns all settings that change how the host is reached, except its address, user and port.
    pub fn of_the_way(&self) -> Vec<(&'b str, &'b str)> {
        let is_of_the_way = |keyword: &str| {
            !NOT_OF_THE_WAY.contains(&keyword) && !["hostname", "user", "port"].contains(&keyword)
        };
        let settings = self.0.iter().filter(|(keyword, _)| is_of_the_way(keyword));
        settings.map(|(_, setting)| (setting.keyword.as_str(), setting.value.as_str())).collect()
    }
}

/// Returns the names of all hosts: each word of a `Host` line is a name if it is not a pattern. The names are
/// in the order of the file.
pub fn names(blocks: &[Block]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut names = Vec::new();
    for condition in blocks.iter().flat_map(|block| &block.conditions) {
        if let Condition::Name(patterns) = &**condition {
            let new = patterns.iter().filter(|name| pattern::is_name(name) && seen.insert((*name).clone()));
            names.extend(new.cloned());
        }
    }
    names
}
