//! A sample host for unit tests.

use nixfleet_contract::fleet::{Base, Host, RolloutSettings, Ssh, Timeouts};

/// Returns a host with this name, the address 10.0.1.11 and default values otherwise.
pub fn host(name: &str) -> Host {
    Host {
        name: name.into(),
        base: Base::Ubuntu,
        system: "x86_64-linux".into(),
        addr: "10.0.1.11".into(),
        ssh: Ssh { user: "deploy".into(), port: 22, host_key: None, authorized_keys: Vec::new() },
        rollout: RolloutSettings::default(),
        tags: vec![],
        roles: vec![],
        timeouts: Timeouts::default(),
        maintenance: None,
        pin: None,
        os_updates: nixfleet_contract::os::policy::OsPolicy::default(),
    }
}
