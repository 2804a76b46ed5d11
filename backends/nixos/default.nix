# The backend for NixOS: intent → a NixOS module, in one evaluation with the NixOS modules of the host.
# ../default.nix says what a backend is.
{ lib, types }:
let
  document = import ../../lib/document { inherit lib types; };
  etc = import ./etc.nix { inherit lib; };
  given = {
    inherit
      document
      etc
      lib
      types
      ;
    declarations = import ./declarations.nix { inherit lib; };
    triggers = import ./triggers.nix { inherit document etc lib; };
  };

  # Each is a family: { config; problems; }. `config` returns a part of a NixOS configuration, `problems` what
  # cannot mean the same on NixOS.
  families = [
    units
  ]
  ++ map (family: import family given) [
    ./accounts.nix
    ./etc-files.nix
    ./packages.nix
    ./places.nix
    ./unit-mistakes.nix
  ];
  units = import ./units.nix given;
  engine = import ./engine.nix given;

  deeply = import ../../lib/deep-imports.nix { inherit lib; };

  # The modules of a host, for any evaluation of NixOS.
  modulesOf =
    {
      host,
      intentOf,
      modules,
      ours,
      ...
    }:
    modules
    ++ [
      (deeply (
        ours
        ++ [
          (import ./module.nix {
            inherit
              families
              host
              intentOf
              lib
              types
              ;
          })
        ]
      ))
    ];
in
{
  objection =
    nixpkgs:
    if nixpkgs.lib ? nixosSystem then
      null
    else
      {
        what = "nixpkgs has no lib.nixosSystem";
        why = "NixFleet evaluates NixOS hosts with the nixpkgs of the fleet";
        example = "nixpkgs = inputs.nixpkgs;  # of mkFleet: the flake of nixpkgs itself";
      };

  # NixOS has them itself.
  native = [ "assertions" ];
  config = { };

  # NixOS makes `pkgs` of its own options.
  arguments = _: { };

  families = known: known;

  newAccount = import ./new-account.nix;

  modules = modulesOf;

  evaluate =
    { nixpkgs, specialArgs, ... }@given:
    nixpkgs.lib.nixosSystem {
      inherit specialArgs;
      modules = modulesOf given ++ [ (import ./deployment.nix { inherit lib; }) ];
    };

  # Options in users' own modules throw their mistakes when they are used.
  resolved = options: { inherit (options) nixfleet; };

  problems =
    {
      intent,
      options,
      inputs,
      ...
    }@host:
    document.accountMistakes.always { inherit intent options; }
    ++ document.paths.problems {
      inherit intent options;
      added = [ ];
    }
    ++ document.references.problems { inherit intent options inputs; }
    ++ lib.concatMap (family: family.problems host) families;

  # The work of our engine on the host, in addition to that of NixOS.
  inherit (engine) document outsiders;

  # The drop-ins of units, by their path in the package that brings them.
  inherit (units) dropIns;

  toplevelFor =
    { host, ... }:
    _:
    throw (
      "[NF-201] NixFleet cannot change NixOS hosts yet, and ${host.name} is one\n"
      + "write: nixos-rebuild switch --flake .#${host.name} --target-host ${host.ssh.user}@${host.addr}"
    );
}
