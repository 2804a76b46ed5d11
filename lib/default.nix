# The public Nix API. A flake calls `mkFleet`. The functions that `mkFleet` calls are public as well.
#
# `nixpkgs` is the default for fleets that do not pass a nixpkgs. NixFleet uses the `lib` of nixpkgs, and
# takes the packages that modules name from its `legacyPackages`. `packages.<system>` has NixFleet's own
# programs, which are evaluated only if a host closure is evaluated.
{ nixpkgs, packages }:
let
  backends = import ../backends;
in
rec {
  # Evaluates fleet modules, and returns the inventory and the intents of the hosts. Each intent is evaluated
  # only if it is used.
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

  # Takes the arguments of mkFleet, and returns the evaluated fleet in the same form as evalFleet.
  fleetOf = fleetFrom null;

  # Returns the function `fleetOf` for arguments that come from elsewhere than a direct call. `definition`
  # takes the name of an argument and returns where the argument is defined.
  fleetFrom =
    definition:
    import ./fleet-of.nix {
      inherit definition evalFleet;
      inherit (nixpkgs) lib;
    };

  # The option types of NixFleet. Modules of users can declare options of these types.
  types = import ./types/public.nix { inherit (nixpkgs) lib; };

  # Evaluates the modules of one host to its intent.
  evalHost = import ./eval-host.nix;

  # Returns all mistakes of a fleet and its hosts as one text, or null if there are none.
  report = import ./report.nix;

  # Returns a value of a fleet. If the fleet has mistakes, throws all of them as one text instead.
  checked = import ./checked.nix { inherit report; };

  # Returns the inventory as plain data, for the command line.
  fleetData = import ./fleet-data.nix;

  # Returns the host closures of a fleet.
  hosts = import ./hosts.nix;

  # Returns the systems of the NixOS hosts, for `nixosConfigurations`.
  nixosSystems = import ./nixos-systems.nix;

  # Returns the modules of a host, and their arguments.
  hostModules = import ./host-modules.nix;

  # Returns the NixOS hosts in the format of colmena, which is called a hive.
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
