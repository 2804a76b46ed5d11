//! Measures a role with nginx from apt, compared with the same role in Ansible: the first apply, which
//! installs the package, and an apply that changes nothing.

use anyhow::{Result, ensure};

use super::fleet::{APPLY, Bench};
use super::{Figure, Results};
use crate::guest::Guest;
use crate::lab::Lab;

/// The number of runs of each measurement.
const RUNS: usize = 3;
/// The package of the role.
pub const PACKAGE: &str = "nginx";
/// The hosts: the first is managed by NixFleet, the second by Ansible.
pub const HOSTS: [&str; 2] = ["host-01", "host-02"];

const ANSIBLE: &str = "ansible-playbook playbook.yml";
/// A script that returns a host to its state before the role. It also removes NixFleet's own records, so that
/// each first apply is one.
const RESET: &str = "systemctl stop nginx; apt-get -qq purge nginx nginx-common >/dev/null; \
    rm -rf /etc/nginx /srv/site /var/lib/nixfleet /nix/var/nix/profiles/nixfleet /etc/systemd/system/*/nginx.service; \
    systemctl daemon-reload";
/// The package source of both hosts, a directory with nginx and all packages on which it depends.
const SOURCE: &str = "rm -f /etc/apt/sources.list.d/* && \
    echo 'deb [trusted=yes] file:///srv/debs ./' >/etc/apt/sources.list && apt-get -qq update";

/// Measures both tools with the same role.
///
/// # Errors
/// A measured command fails, or a host does not serve the site afterwards.
pub fn measure(lab: &Lab, results: &mut Results) -> Result<()> {
    let bench = Bench::of(lab)?;
    bench.create(&format!("cp /srv/nixfleet/checks/bench/nginx/* . && echo {} >inventory", HOSTS[1]))?;
    let mut medians = Vec::new();
    for (tool, line, host) in [("NixFleet", APPLY, HOSTS[0]), ("Ansible", ANSIBLE, HOSTS[1])] {
        let host = lab.guest(host)?;
        host.ask(SOURCE)?;
        let first = Figure::measure(&format!("nginx with a site, first apply, {tool}"), RUNS, |_| {
            host.sh(RESET)?;
            bench.forget_connections()?;
            let took = bench.once(line)?;
            serves(host).map(|()| took)
        })?;
        let again = Figure::measure(&format!("nginx with a site, no-op apply, {tool}"), RUNS, |_| {
            bench.forget_connections()?;
            bench.once(line)
        })?;
        medians.push((results.add(first), results.add(again)));
    }
    if let [(first, again), (ansible_first, ansible_again)] = medians[..] {
        results.compare("nginx, first apply: Ansible by NixFleet", ansible_first / first, None);
        results.compare("nginx, no-op apply: Ansible by NixFleet", ansible_again / again, None);
    }
    Ok(())
}

/// Checks that a host serves the site, and no longer the default site of the package.
fn serves(host: &Guest) -> Result<()> {
    let get = "curl --silent --fail --retry 50 --retry-connrefused --retry-delay 1 http://localhost:8080/";
    let served = host.ask(get)?;
    ensure!(served == "site", "{} serves `{served}`", host.name());
    let default = host.sh("curl --silent http://localhost:80/")?;
    ensure!(default.code != 0, "{} serves the default site", host.name());
    Ok(())
}
