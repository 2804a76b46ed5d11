# The backend for NixOS. It turns an intent into a NixOS module, and evaluates this module together with the
# NixOS modules of the host. ../default.nix describes the interface of a backend.
{ lib, types }:
let
  document = import ../../lib/document { inherit lib types; };
  etc = import ./etc.nix { inherit lib; };
  given = {
    accountsOf = import ./accounts-of.nix { inherit lib; };
    inherit
      document
      etc
      lib
      types
      ;
    declarations = import ./declarations.nix { inherit lib; };
    isStated = import ./stated.nix { inherit lib; };
    mistake = import ./mistake.nix { inherit types; };
    unitTypes = import ./unit-types.nix { inherit lib; };
    triggers = import ./triggers.nix { inherit document etc lib; };
  };

  # The option families, each { config; problems; }. `config` returns a part of a NixOS configuration.
  # `problems` returns a mistake for each declaration that cannot have the same effect on NixOS as on other
  # bases.
  families = [
    owners
    units
  ]
  ++ map (family: import family given) [
    ./accounts.nix
    ./etc-files.nix
    ./packages.nix
    ./places.nix
    ./recovery.nix
    ./unit-install.nix
    ./unit-mistakes.nix
    ./unit-names.nix
  ];
  units = import ./units.nix given;
  owners = import ./owners.nix given;
  engine = import ./engine.nix (
    given
    // {
      declared = import ./declared.nix given;
      inherit owners;
    }
  );

  deeply = import ../../lib/deep-imports.nix { inherit lib; };

  # All NixOS modules of a host: the user's and NixFleet's. Other tools that evaluate NixOS, such as colmena,
  # use the same modules.
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

  isCostly = true;

  # NixOS itself declares the options of these families.
  native = [ "assertions" ];
  config = { };

  # NixOS makes the module argument `pkgs` from its own options, so the backend passes no arguments.
  arguments = _: { };

  lacking.apt = {
    why = "NixOS has no apt: all of its packages come from Nix";
    example = "nixfleet.packages = [ pkgs.nginx ];  # and in a role for both bases: nixfleet.apt = lib.mkIf (host.base == \"ubuntu\") { … };";
  };

  newAccount = import ./new-account.nix;

  modules = modulesOf;

  misplaced = advice: advice.inAnyHost;

  evaluate =
    _:
    { nixpkgs, specialArgs, ... }@given:
    let
      evaluated =
        more:
        nixpkgs.lib.nixosSystem {
          inherit specialArgs;
          modules = modulesOf given ++ [ (import ./deployment.nix { inherit lib; }) ] ++ more;
        };
      plain = evaluated [ ];
    in
    # The module system throws the first unknown name when `options` is used. NixFleet collects all unknown
    # names with the other mistakes, so a second evaluation accepts these names. It is never a system, because
    # it always has mistakes.
    if (builtins.tryEval (builtins.seq plain.options null)).success then
      plain
    else
      evaluated [ { _module.freeformType = lib.mkDefault types.strangers; } ];

  # Only the mistakes in NixFleet's options are collected. A mistake in an option of a user's own module is
  # thrown when the option's value is used.
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

  # The Intent document of the host, and the declarations that a plain NixOS activation ignores.
  inherit (engine) document outsiders;

  # The texts of the drop-ins of units. Each attribute name is the path of a drop-in in the package that
  # contains all drop-ins.
  inherit (units) dropIns;

  toplevelFor =
    given:
    let
      whole = engine.document given;
    in
    { buildSystem, builder }:
    document.closure {
      document = whole;
      inherit buildSystem builder;
    };
}
