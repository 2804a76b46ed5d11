//! The blocks of an SSH configuration, and the settings that a host gets from them.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::pattern;
use crate::import::note::Place;
use crate::import::ssh_keyword;

/// Settings, in lower case, that are not imported: they do not change how a host is reached, or `NixFleet`
/// sets them itself.
const NOT_OF_THE_WAY: [&str; 39] = [
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
    "tcpkeepalive",
    "usekeychain",
    "visualhostkey",
];

/// Settings, in lower case, that may lead to another machine under the same address and port.
const ROUTE: [&str; 4] = ["bindaddress", "bindinterface", "hostkeyalias", "proxyjump"];

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
    /// Any other condition, with its words. It counts as false, because only `ssh` can decide it.
    Unknown(String),
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

/// The settings of one host.
#[derive(Default)]
pub struct HostSettings<'b> {
    /// The settings, by [`ssh_keyword::slot`]. If a keyword is set several times, the first value applies, as
    /// in `ssh`. Only some keywords have several values.
    by_keyword: BTreeMap<String, Vec<&'b Setting>>,
    /// The numbers of the blocks that apply if a condition is true that only `ssh` can decide, and these
    /// conditions.
    perhaps: Vec<(usize, String)>,
}

impl<'b> HostSettings<'b> {
    /// Returns the settings that apply if `name` is given to `ssh`.
    pub fn of(name: &str, blocks: &'b [Block]) -> Self {
        let mut settings = Self::default();
        for (number, block) in blocks.iter().enumerate() {
            let mut unknown = String::new();
            let is_met = block.conditions.iter().all(|condition| match &**condition {
                Condition::Unknown(words) => {
                    unknown.push_str(&for_name(words, name));
                    true
                }
                known => settings.satisfies(known, name),
            });
            if !is_met {
                continue;
            }
            if !unknown.is_empty() {
                settings.perhaps.push((number, unknown));
                continue;
            }
            for setting in &block.settings {
                let keyword = setting.keyword.to_ascii_lowercase();
                let values = settings.by_keyword.entry(ssh_keyword::slot(&keyword).to_owned()).or_default();
                if values.is_empty() || ssh_keyword::is_cumulative(&keyword) {
                    values.push(setting);
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
            Condition::Unknown(_) => false,
        }
    }

    /// Returns the first setting of a keyword. The argument `keyword` is in lower case.
    pub fn setting(&self, keyword: &str) -> Option<&'b Setting> {
        self.by_keyword.get(keyword)?.first().copied()
    }

    /// Returns the value of a keyword. The argument `keyword` is in lower case.
    pub fn value(&self, keyword: &str) -> Option<&'b str> {
        self.setting(keyword).map(|setting| setting.value.as_str())
    }

    /// Returns the address of a host: the value of `HostName` if it is set, and `name` otherwise.
    pub fn host_name(&self, name: &str) -> String {
        self.value("hostname").map_or_else(|| name.to_owned(), |value| ssh_keyword::host_name(value, name))
    }

    /// Returns all settings that change how the host `name` is reached, except its address, user and port:
    /// their keywords, and their values with the name in place of the tokens that stand for it.
    pub fn of_the_way(&self, name: &str) -> Vec<(&'b str, String)> {
        let is_of_the_way = |keyword: &str| {
            !NOT_OF_THE_WAY.contains(&keyword) && !["hostname", "user", "port"].contains(&keyword)
        };
        let settings = self.by_keyword.iter().filter(|(keyword, _)| is_of_the_way(keyword));
        settings.flat_map(|(_, values)| values.iter().copied()).map(|setting| way(setting, name)).collect()
    }

    /// Returns the settings that may lead to another machine under the same address and port, with their
    /// keywords in lower case.
    pub fn of_the_route(&self, name: &str) -> Vec<(String, String)> {
        let settings = ROUTE.iter().filter_map(|keyword| self.setting(keyword));
        comparable(settings.map(|setting| way(setting, name)).collect())
    }

    /// Whether `ssh` reaches the address `addr` in the same way without the entry of the host `name`, which
    /// has these settings.
    pub fn is_reached_as(&self, name: &str, addr: &str, blocks: &[Block]) -> bool {
        let direct = HostSettings::of(addr, blocks);
        let port = |settings: &HostSettings<'_>| settings.value("port").map_or("22", str::trim).to_owned();
        // NixFleet passes a port to ssh only if it is not 22.
        let is_port_same = port(self) != "22" || port(&direct) == "22";
        is_port_same
            && direct.host_name(addr) == addr
            && self.perhaps == direct.perhaps
            && comparable(self.of_the_way(name)) == comparable(direct.of_the_way(addr))
    }
}

fn way<'b>(setting: &'b Setting, name: &str) -> (&'b str, String) {
    (setting.keyword.as_str(), for_name(&setting.value, name))
}

/// Returns settings with their keywords in lower case, because `ssh` ignores the case of keywords.
fn comparable(way: Vec<(&str, String)>) -> Vec<(String, String)> {
    way.into_iter().map(|(keyword, value)| (keyword.to_ascii_lowercase(), value)).collect()
}

/// Returns a value with a name in place of the tokens that stand for the name that was given to `ssh`.
fn for_name(value: &str, name: &str) -> String {
    value.replace("%n", name).replace("%k", name)
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
