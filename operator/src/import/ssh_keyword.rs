//! Keywords of `ssh_config`, in lower case, and what they have in common.

/// The keywords whose value is a shell command. The value is the whole rest of the line, including its
/// quotes.
pub const COMMANDS: [&str; 4] = ["knownhostscommand", "localcommand", "proxycommand", "remotecommand"];

/// The keywords whose values add up if they are set several times. For all other keywords, the first value
/// applies.
const CUMULATIVE: [&str; 3] = ["certificatefile", "identityfile", "sendenv"];

/// Whether the values of a keyword add up if it is set several times.
pub fn is_cumulative(keyword: &str) -> bool {
    CUMULATIVE.contains(&keyword)
}

/// Returns the keyword under which the first value applies. It is the same for `ProxyCommand` and
/// `ProxyJump`: whichever is set first decides, and the other is ignored.
pub fn slot(keyword: &str) -> &str {
    if keyword == "proxycommand" { "proxyjump" } else { keyword }
}

/// Returns the address that a value of `HostName` stands for, if `destination` is given to `ssh`. `%h` and
/// `%n` stand for the destination.
pub fn host_name(value: &str, destination: &str) -> String {
    value.replace("%%", "\0").replace("%h", destination).replace("%n", destination).replace('\0', "%")
}
