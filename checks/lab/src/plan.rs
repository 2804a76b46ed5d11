//! Plans of labs. A plan describes the machines of a lab that is to be booted.

use std::path::PathBuf;

use crate::debs;
use crate::recipe::Recipe;
use crate::rootfs::Root;

/// The plan of a lab: its name and its machines.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(crate) name: String,
    pub(crate) hosts: Vec<PlannedHost>,
    pub(crate) operator: Root,
    pub(crate) operator_shows: Vec<(PathBuf, PathBuf)>,
    pub(crate) shipped: bool,
}

/// Packages of a Debian release.
#[derive(Clone, Debug)]
pub(crate) struct Offered {
    pub(crate) suite: &'static str,
    pub(crate) packages: Vec<&'static str>,
}

/// A host in the plan of a lab.
#[derive(Clone, Debug)]
pub(crate) struct PlannedHost {
    pub(crate) name: String,
    pub(crate) addr: String,
    pub(crate) root: Root,
    /// Whether the host is a stand-in for a NixOS host.
    pub(crate) nixos: bool,
    /// Whether the host has no Nix and no user `deploy`.
    pub(crate) bare: bool,
    /// The packages that the host can install from the directory `/srv/debs`, if it has one.
    pub(crate) offered: Option<Offered>,
}

impl Plan {
    /// Creates the plan of a lab with this name. The lab has the operator's machine, and no hosts yet.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            hosts: Vec::new(),
            operator: Recipe::host().into(),
            operator_shows: Vec::new(),
            shipped: false,
        }
    }

    /// Returns the name of the lab.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Creates the plan of a lab with the three hosts of the demo: web-1, web-2 and db-1.
    #[must_use]
    pub fn demo(name: impl Into<String>) -> Self {
        Self::new(name).host("web-1", "10.0.1.11").host("web-2", "10.0.1.12").host("db-1", "10.0.1.21")
    }

    /// Creates the plan of [`Self::demo`], named after the running test.
    #[must_use]
    pub fn of_test() -> Self {
        let test = std::thread::current().name().unwrap_or("test").replace("::", "-");
        Self::demo(format!("{}-{test}", std::process::id()))
    }

    /// Adds a host with this name and IP address.
    #[must_use]
    pub fn host(mut self, name: impl Into<String>, addr: impl Into<String>) -> Self {
        let (name, addr, root) = (name.into(), addr.into(), Recipe::host().into());
        self.hosts.push(PlannedHost { name, addr, root, nixos: false, bare: false, offered: None });
        self
    }

    /// Replaces the root filesystem of the host `name`.
    #[must_use]
    pub fn with_root(mut self, name: &str, root: impl Into<Root>) -> Self {
        let root = root.into();
        for host in self.hosts.iter_mut().filter(|host| host.name == name) {
            host.root = root.clone();
        }
        self
    }

    /// Makes the host `name` a stand-in for a NixOS host, as [`crate::nixos_layer`] describes.
    #[must_use]
    pub fn nixos(mut self, name: &str) -> Self {
        for host in self.hosts.iter_mut().filter(|host| host.name == name) {
            host.nixos = true;
        }
        self
    }

    /// Replaces the host `name` with a host before NixFleet, which a recipe such as [`Recipe::bare_host`]
    /// describes. Its package source has what `apt-get install nix-bin nix-setup-systemd` needs.
    #[must_use]
    pub fn bare(mut self, name: &str, recipe: &Recipe) -> Self {
        for host in self.hosts.iter_mut().filter(|host| host.name == name) {
            host.root = recipe.clone().into();
            host.bare = true;
        }
        self.offers(name, recipe, &debs::NIX)
    }

    /// Makes packages of Debian available on the host `name`, whose root filesystem is made from `recipe`.
    /// The directory `/srv/debs` has these packages and all packages on which they depend.
    #[must_use]
    pub fn offers(mut self, name: &str, recipe: &Recipe, packages: &[&'static str]) -> Self {
        for host in self.hosts.iter_mut().filter(|host| host.name == name) {
            host.offered = Some(Offered { suite: recipe.suite, packages: packages.to_vec() });
        }
        self
    }

    /// Removes all hosts except the host `name`.
    #[must_use]
    pub fn only(mut self, name: &str) -> Self {
        self.hosts.retain(|host| host.name == name);
        self
    }

    /// Removes the host `name`.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.hosts.retain(|host| host.name != name);
        self
    }

    /// Replaces the root filesystem of the operator's machine.
    #[must_use]
    pub fn operator(mut self, root: impl Into<Root>) -> Self {
        self.operator = root.into();
        self
    }

    /// Makes the directory `from` of this machine readable on the operator's machine, at the path `to`.
    #[must_use]
    pub fn operator_shows(mut self, from: impl Into<PathBuf>, to: impl Into<PathBuf>) -> Self {
        self.operator_shows.push((from.into(), to.into()));
        self
    }

    /// Selects the release build of the command line for the lab, as benchmarks and the demo need it.
    #[must_use]
    pub fn shipped(mut self) -> Self {
        self.shipped = true;
        self
    }
}
