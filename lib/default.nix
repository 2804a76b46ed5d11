# The public Nix API. A flake calls `mkFleet`; it consists of the smaller functions beside it, which are
# public too.
#
# `nixpkgs` is the default: its `lib`, and its `legacyPackages` for the packages that a module names.
# `packages.<system>` are NixFleet's own programs; nothing of them is forced before a host closure is.
{ nixpkgs, packages }:
let
  backends = import ../backends;
in
rec {
  # Evaluates fleet modules to the inventory and, lazily, the intent of each host.
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

  # Makes the same from the arguments of mkFleet.
  fleetOf = import ./fleet-of.nix { inherit evalFleet; };

  # The option types of NixFleet, for options in users' modules.
  types = import ./types/public.nix { inherit (nixpkgs) lib; };

  # Evaluates one host's modules to its intent.
  evalHost = import ./eval-host.nix;

  # All mistakes of a fleet and its hosts as one text, or null.
  report = import ./report.nix;

  # Returns a value of a fleet, or throws all mistakes as one text.
  checked = import ./checked.nix { inherit report; };

  # The inventory as plain data, for the command line.
  fleetData = import ./fleet-data.nix;

  # The host closures.
  hosts = import ./hosts.nix;

  # The NixOS hosts as plain NixOS systems.
  nixosSystems = import ./nixos-systems.nix;

  # The modules of a host, and their arguments.
  hostModules = import ./host-modules.nix;

  # The NixOS hosts as a hive of colmena.
  generateColmena = import ./generate-colmena.nix { inherit hostModules; };

  # The names of all hosts by their address.
  generateHosts = import ./generate-hosts.nix;

  # Modules that hosts may import.
  fleetModules = import ./fleet-modules { inherit generateHosts; };

  # `nix run .#plan` and so on.
  apps = import ./apps.nix;

  # Checks for `nix flake check`.
  checks = import ./checks.nix;

  # Makes flake outputs from a fleet.
  mkFleet = import ./mk-fleet.nix {
    inherit
      apps
      checks
      fleetData
      fleetModules
      fleetOf
      generateColmena
      hosts
      nixosSystems
      ;
  };
}
