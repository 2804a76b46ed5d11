//! The person at this machine.

/// The operator as hosts and histories record them: `user@machine`.
#[must_use]
pub fn operator() -> String {
    let user = ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    let machine = rustix::system::uname();
    format!("{}@{}", user.as_deref().unwrap_or("unknown"), machine.nodename().to_string_lossy())
}
