# The public Nix API. A flake calls `mkFleet`. The smaller functions that `mkFleet` calls are public too.
#
# `nixpkgs` is for fleets that pass no nixpkgs of their own. NixFleet uses the `lib` of nixpkgs, and the
# `legacyPackages` of nixpkgs for the packages that modules name. `packages.<system>` has NixFleet's own
# programs, which are evaluated only when a host closure is evaluated.
{ nixpkgs, packages }:
let
  backends = import ../backends;
in
rec {
  # Evaluates fleet modules to the inventory and the intents of the hosts. An intent is evaluated only when it
  # is used.
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

  # Evaluates the arguments of mkFleet to a fleet, as evalFleet returns it.
  fleetOf = fleetFrom null;

  # Does the same for arguments that are defined elsewhere than in a call: `definition` takes the name of an
  # argument and returns its definition.
  fleetFrom =
    definition:
    import ./fleet-of.nix {
      inherit definition evalFleet;
      inherit (nixpkgs) lib;
    };

  # The option types of NixFleet, for options that users' modules declare.
  types = import ./types/public.nix { inherit (nixpkgs) lib; };

  # Evaluates the modules of one host to its intent.
  evalHost = import ./eval-host.nix;

  # Returns all mistakes of a fleet and its hosts as one text, or null.
  report = import ./report.nix;

  # Returns a value of a fleet, or throws all mistakes as one text.
  checked = import ./checked.nix { inherit report; };

  # Returns the inventory as plain data, for the command line.
  fleetData = import ./fleet-data.nix;

  # Returns the host closures of a fleet.
  hosts = import ./hosts.nix;

  # Returns the NixOS hosts as plain NixOS systems.
  nixosSystems = import ./nixos-systems.nix;

  # Returns the modules of a host, and their arguments.
  hostModules = import ./host-modules.nix;

  # Returns the NixOS hosts as a hive of colmena.
  generateColmena = import ./generate-colmena.nix { inherit hostModules; };

  # Returns the names of all hosts, grouped by the address of the host.
  generateHosts = import ./generate-hosts.nix;

  # Returns the modules `fleet-hosts` and `fleet-deploy-user`, which hosts may import.
  fleetModules = import ./fleet-modules { inherit generateHosts; };

  # Returns the flake apps, such as `nix run .#plan`.
  apps = import ./apps.nix;

  # Returns the checks for `nix flake check`.
  checks = import ./checks.nix;

  # Returns the flake outputs of a fleet.
  mkFleet = mkFleetFrom null;
  mkFleetFrom =
    definition:
    import ./mk-fleet.nix {
      fleetOf = fleetFrom definition;
      inherit
        apps
        checks
        fleetData
        fleetModules
        generateColmena
        hosts
        nixosSystems
        ;
    };

  # The module for flake-parts, whose options are the arguments of mkFleet.
  flakeModule = import ./flake-module.nix { inherit mkFleetFrom; };
}
