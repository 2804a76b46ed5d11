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

  # A module of a host can override the `mkDefault` values, and can add options such as `deployment.keys`.
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
  };

  node =
    name: host:
    backend.modules given.${name}
    ++ [
      (
        { config, options, ... }:
        {
          _file = ./generate-colmena.nix;
          deployment = deployment host;
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
