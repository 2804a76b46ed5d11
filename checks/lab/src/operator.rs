//! The operator's machine: a host of the lab with the checkout, the key and the command line.

use anyhow::Result;

use crate::seed::Layer;

/// The operator's ids. Fixed, so that files can be placed before the first boot.
const UID: u32 = 1001;

/// Places what the operator's machine has beyond a host: a user with the key to the hosts.
///
/// # Errors
/// A file cannot be written.
pub fn sow(layer: &Layer, key: &[u8], known_hosts: &str) -> Result<()> {
    let lines = [
        ("etc/passwd", 0o644, format!("ada:x:{UID}:{UID}:Ada:/home/ada:/bin/bash\n")),
        ("etc/group", 0o644, format!("ada:x:{UID}:\n")),
        ("etc/shadow", 0o640, "ada:*:20000:0:99999:7:::\n".to_owned()),
    ];
    for (path, mode, line) in lines {
        // Debian lets only the members of this group talk to the Nix daemon; `deploy` is one already.
        let text = layer.text_below(path)?.replace(":deploy\n", ":deploy,ada\n");
        layer.place(path, (text + &line).as_bytes(), mode, 0)?;
    }
    layer.place("home/ada/.ssh/id_ed25519", key, 0o600, UID)?;
    layer.place("home/ada/.ssh/known_hosts", known_hosts.as_bytes(), 0o600, UID)
}
