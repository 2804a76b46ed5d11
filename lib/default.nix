# The public Nix API. `mkFleet` is what a flake calls; it is made of the smaller functions beside it, which are public too.
#
# `nixpkgs` is used where the caller names no other: its `lib`, and `legacyPackages` for the packages that a module names.
# `packages.<system>` are NixFleet's own programs; nothing of them is forced before a host closure is.
{ nixpkgs, packages }:
let
  backends = import ../backends;
in
rec {
  # Fleet modules to the inventory and, lazily, the intent of each host.
  evalFleet = import ./eval-fleet.nix {
    inherit
      backends
      checked
      evalHost
      packages
      ;
    defaultNixpkgs = nixpkgs;
    families = import ../modules;
  };

  # The arguments of mkFleet to the same.
  fleetOf = import ./fleet-of.nix { inherit evalFleet; };

  # The option types of NixFleet, for options that modules of users declare.
  types = import ./types/public.nix { inherit (nixpkgs) lib; };

  # One host's modules to its intent.
  evalHost = import ./eval-host.nix;

  # Every mistake of a fleet and its hosts as one text, or null where there is none.
  report = import ./report.nix;

  # A value of a fleet, or all its mistakes thrown as one text.
  checked = import ./checked.nix { inherit report; };

  # The inventory as plain data, what the command line reads.
  fleetData = import ./fleet-data.nix;

  # The host closures.
  hosts = import ./hosts.nix;

  # `nix run .#plan` and so on.
  apps = import ./apps.nix;

  # What `nix flake check` builds.
  checks = import ./checks.nix;

  # A fleet to flake outputs.
  mkFleet = import ./mk-fleet.nix {
    inherit
      apps
      checks
      fleetData
      fleetOf
      hosts
      ;
  };
}
