# The NixOS hosts of a fleet as a hive of colmena, for the flake output `colmena`. Colmena evaluates the same
# modules as NixFleet does.
{ hostModules }:
fleet:
let
  inherit (fleet) lib;
  backend = fleet.backends.nixos;

  hosts = import ./nixos-hosts.nix fleet;
  given = lib.mapAttrs (name: _: hostModules { inherit fleet name; }) hosts;

  # Hosts whose name has a special meaning in a hive.
  reserved = lib.filter (name: hosts ? ${name}) [
    "defaults"
    "meta"
    "network"
  ];

  packages = system: fleet.nixpkgs.legacyPackages.${system};
  usual = fleet.config.defaults.system;

  # Options that are null are left out, so that they have colmena's defaults.
  keyOf = lib.filterAttrs (_: value: value != null);

  # A module of a host can override the `mkDefault` values, and can add options, such as further keys.
  deployment = host: {
    targetHost = lib.mkDefault host.addr;
    targetPort = lib.mkDefault host.ssh.port;
    targetUser = lib.mkDefault host.ssh.user;
    privilegeEscalationCommand = lib.mkDefault [
      "sudo"
      "-n"
      "-H"
      "--"
    ];
    inherit (host) tags;
    keys = lib.mapAttrs (_: keyOf) host.deployment.keys;
  };

  # Values that `nixpkgs.lib.nixosSystem` gives to a system. Colmena evaluates NixOS without `nixosSystem`,
  # and would otherwise make another system than NixFleet. Old releases of NixOS do not have all of these
  # options.
  origin =
    options:
    lib.mkMerge [
      (lib.optionalAttrs (options.nixpkgs ? flake.source && fleet.nixpkgs ? outPath) {
        nixpkgs.flake.source = lib.mkDefault fleet.nixpkgs.outPath;
      })
      (lib.optionalAttrs (options ? system.nixos.versionSuffix) {
        system.nixos.versionSuffix = lib.mkDefault lib.trivial.versionSuffix;
      })
      (lib.optionalAttrs (options ? system.nixos.revision) {
        system.nixos.revision = lib.mkDefault (lib.trivial.revisionWithDefault null);
      })
    ];

  node =
    name: host:
    backend.modules given.${name}
    ++ [
      ({ options, ... }: origin options)
      (
        { config, options, ... }:
        {
          _file = ./generate-colmena.nix;
          deployment = deployment host;
          # Colmena adds the configuration of `meta.nixpkgs`, which NixOS refuses beside a package set.
          nixpkgs = lib.optionalAttrs (host.pkgs != null) { config = lib.mkForce { }; };
          warnings = import ./outsiders.nix fleet (given.${name}.intentOf { inherit config options; }).intent;
        }
      )
    ];
in
if reserved != [ ] then
  throw (
    "[NF-201] a hive of colmena cannot have a host called ${lib.head reserved}\n"
    + "write: hosts.${lib.head reserved}-1 = { … };"
  )
else
  lib.mapAttrs node hosts
  // {
    meta = {
      nixpkgs = packages usual;
      nodeNixpkgs = lib.mapAttrs (_: host: packages host.system) (
        lib.filterAttrs (_: host: host.system != usual) hosts
      );
      # Colmena itself passes the argument `name` to modules.
      specialArgs = {
        inherit (fleet) inputs;
        hosts = fleet.arguments;
      };
      nodeSpecialArgs = lib.mapAttrs (_: each: removeAttrs each.specialArgs [ "name" ]) given;
    };
  }
