//! The identity of the operator.

/// Returns the operator as `user@machine`, the form in which hosts and the history record it.
#[must_use]
pub fn operator() -> String {
    let user = ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    let machine = rustix::system::uname();
    format!("{}@{}", user.as_deref().unwrap_or("unknown"), machine.nodename().to_string_lossy())
}
