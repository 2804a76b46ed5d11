//! The blocks of an SSH configuration, and the settings that they give a host.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::pattern;
use crate::import::note::Place;

/// Settings that do not change how a host is reached, or that `NixFleet` sets itself.
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

/// A condition of settings.
#[derive(Debug)]
pub enum Condition {
    /// `Host`: one of the patterns matches the name that was given to `ssh`.
    Name(Vec<String>),
    /// `Match originalhost`: the same, but such a line makes no host known.
    GivenName(Vec<String>),
    /// `Match host`: one of the patterns matches the address.
    Address(Vec<String>),
    /// A condition that only `ssh` can decide, or that never applies here.
    Unknown,
}

/// Settings with the conditions under which they apply. All conditions must be true.
#[derive(Debug)]
pub struct Block {
    /// The conditions.
    pub conditions: Vec<Rc<Condition>>,
    /// The settings, in order.
    pub settings: Vec<Setting>,
}

/// A setting: a keyword and its value.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The keyword, as it is written.
    pub keyword: String,
    /// The arguments, separated by spaces.
    pub value: String,
    /// The place of the line.
    pub place: Place,
}

/// The settings of one host, by their keywords in lower case. The first value of a keyword applies.
pub struct Settings<'b>(BTreeMap<String, &'b Setting>);

impl<'b> Settings<'b> {
    /// Returns the settings for a name that is given to `ssh`.
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

    /// Returns the setting of a keyword in lower case.
    pub fn setting(&self, keyword: &str) -> Option<&'b Setting> {
        self.0.get(keyword).copied()
    }

    /// Returns the value of a keyword in lower case.
    pub fn value(&self, keyword: &str) -> Option<&'b str> {
        self.setting(keyword).map(|setting| setting.value.as_str())
    }

    /// Returns the address of a host: `HostName`, or the name itself.
    pub fn host_name(&self, name: &str) -> String {
        let Some(value) = self.value("hostname") else { return name.to_owned() };
        value.replace("%%", "\0").replace("%h", name).replace("%n", name).replace('\0', "%")
    }

    /// Returns the settings that change how the host is reached, other than its address, user and port.
    pub fn of_the_way(&self) -> Vec<(&'b str, &'b str)> {
        let is_of_the_way = |keyword: &str| {
            !NOT_OF_THE_WAY.contains(&keyword) && !["hostname", "user", "port"].contains(&keyword)
        };
        let settings = self.0.iter().filter(|(keyword, _)| is_of_the_way(keyword));
        settings.map(|(_, setting)| (setting.keyword.as_str(), setting.value.as_str())).collect()
    }
}

/// Returns the names of hosts: the patterns of `Host` lines that match only themselves, in order.
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
