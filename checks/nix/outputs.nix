# Tests of the flake outputs that mkFleet returns.
{
  lib,
  mkFleet,
  nixfleet,
  nixpkgs,
  ...
}:
let
  outputs = mkFleet {
    cli.x86_64-linux = ./.;
    activator.aarch64-linux = ./outputs.nix;
    hosts.web-1.addr = "web-1";
  };
in
{
  "the schema says what the command line reads" = {
    expr = outputs.nixfleet.schema;
    expected = 1;
  };

  "every subcommand is an app" = {
    expr = lib.mapAttrs (_: app: [
      app.type
      (lib.removePrefix "${./.}/" app.program)
    ]) outputs.apps.x86_64-linux;
    expected =
      lib.genAttrs
        [
          "apply"
          "backups"
          "check"
          "bootstrap"
          "doctor"
          "forget"
          "gc"
          "host"
          "history"
          "hosts"
          "os-update"
          "plan"
          "reboot"
          "rollback"
          "run"
          "status"
        ]
        (name: [
          "app"
          "bin/nixfleet-${name}"
        ]);
  };

  # For each of these outputs, `nix flake check` prints a warning, and `nix flake show` a line. The page about
  # flakes says so.
  "Nix does not know three outputs of a fleet" = {
    expr = lib.subtractLists [
      "apps"
      "checks"
      "nixosConfigurations"
      "nixosModules"
    ] (lib.attrNames outputs);
    expected = [
      "colmena"
      "nixfleet"
      "nixfleetModules"
    ];
  };

  "Nix knows all outputs of NixFleet itself" = {
    expr = lib.attrNames (
      (import ../../flake.nix).outputs {
        self = { };
        inherit nixpkgs;
      }
    );
    expected = [
      "checks"
      "flakeModules"
      "formatter"
      "lib"
      "packages"
      "templates"
    ];
  };

  "every host is a check" = {
    expr = lib.attrNames outputs.checks.x86_64-linux;
    expected = [ "nixfleet-web-1" ];
  };

  "a NixOS host has a closure and a check, as every host" = {
    expr =
      let
        outputs = mkFleet {
          hosts.db-1.addr = "db-1";
          hosts.db-1.base = "nixos";
          hosts.web-1.addr = "web-1";
        };
        inherit (outputs.nixfleet.hosts.db-1) toplevel;
      in
      [
        (lib.attrNames outputs.checks.x86_64-linux)
        toplevel.name
        (outputs.checks.x86_64-linux.nixfleet-db-1.drvPath == toplevel.drvPath)
        outputs.nixfleet.fleet.hosts.db-1.base
      ];
    expected = [
      [
        "nixfleet-db-1"
        "nixfleet-web-1"
      ]
      "nixfleet-db-1"
      true
      "nixos"
    ];
  };

  "a closure builds on any system there is an activator for" = {
    expr =
      let
        inherit (outputs.nixfleet.hosts.web-1) toplevel toplevelFor;
      in
      [
        (lib.mapAttrs (_: closure: closure.system) toplevelFor)
        (toplevel.drvPath == toplevelFor.x86_64-linux.drvPath)
      ];
    expected = [
      {
        aarch64-linux = "aarch64-linux";
        x86_64-linux = "x86_64-linux";
      }
      true
    ];
  };

  "the bare closure of a host is that of the host without its modules" = {
    expr =
      let
        fleet =
          declared:
          (mkFleet {
            hosts.web-1.addr = "web-1";
            roles.web.nixfleet.files."/etc/a".text = "a";
            defaults = lib.optionalAttrs declared {
              roles = [ "web" ];
              modules = [ { nixfleet.users.b = { }; } ];
            };
          }).nixfleet.hosts.web-1;
        drvPaths = host: [
          host.toplevel.drvPath
          host.bare.toplevel.drvPath
        ];
        declared = drvPaths (fleet true);
        bare = drvPaths (fleet false);
      in
      [
        (lib.last declared == lib.head bare)
        (lib.head declared == lib.head bare)
        (lib.last bare == lib.head bare)
      ];
    expected = [
      true
      false
      true
    ];
  };

  "a fleet with a mistake gives nothing" = {
    expr =
      let
        broken = nixfleet.mkFleet { modules = [ { hosts.web-1 = { }; } ]; };
        evaluates = value: (builtins.tryEval (builtins.deepSeq value value)).success;
      in
      map evaluates [
        broken.nixfleet.fleet
        broken.nixfleet.hosts
      ];
    expected = [
      false
      false
    ];
  };

  "a host with a mistake does not keep another from being built" = {
    expr =
      let
        fleet = mkFleet {
          hosts.good.addr = "good";
          hosts.bad.addr = "bad";
          hosts.bad.modules = [ { nixfleet.files."etc/x".text = "x"; } ];
        };
        evaluates = value: (builtins.tryEval (builtins.deepSeq value value)).success;
      in
      [
        (evaluates fleet.nixfleet.hosts.good.toplevel.drvPath)
        (evaluates fleet.nixfleet.hosts.bad.toplevel.drvPath)
      ];
    expected = [
      true
      false
    ];
  };
}
