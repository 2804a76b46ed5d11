# Tests of ../../default.nix, which offers NixFleet without flakes, and of the systems for which it has
# programs.
{
  lib,
  mkFleet,
  nixpkgs,
  prebuilt,
  # The directory of nixpkgs.
  source ? nixpkgs.outPath,
  ...
}:
let
  nixfleet = import ../.. {
    nixpkgs = source;
    system = "x86_64-linux";
  };

  fleet = {
    nixpkgs.overlays = [ (final: _: { ours = final.hello_1; }) ];
    hosts.web-1.addr = "web-1";
    hosts.web-1.modules = [ ({ pkgs, ... }: { nixfleet.packages = [ pkgs.ours ]; }) ];
    # The parts of nixpkgs 22.11 that the tests have cannot evaluate a NixOS host in this way.
    hosts.db-1.addr = "db-1";
    hosts.db-1.base =
      if builtins.pathExists (source + "/nixos/lib/eval-config.nix") then "nixos" else "ubuntu";
  };
  closures = outputs: lib.mapAttrs (_: host: host.toplevel.drvPath) outputs.nixfleet.hosts;

  systems = [
    "aarch64-darwin"
    "aarch64-linux"
    "x86_64-darwin"
    "x86_64-linux"
  ];
in
{
  "a fleet without a flake has the closures that it has in a flake" = {
    expr = closures (
      nixfleet.lib.mkFleet {
        modules = [
          prebuilt
          fleet
        ];
      }
    );
    expected = closures (mkFleet fleet);
  };

  "nix-build builds the programs, and nothing else" = {
    expr = lib.attrNames (lib.filterAttrs (_: lib.isDerivation) nixfleet);
    expected = [
      "nixfleet"
      "nixfleet-activate"
    ];
  };

  # The programs for all systems are evaluated, but not built, because the tests run on one system.
  "the command line evaluates for each system of operators, and the activator for each system of hosts" =
    {
      expr = lib.mapAttrs (
        _: programs:
        lib.mapAttrs (_: program: [
          program.system
          (lib.hasSuffix ".drv" program.drvPath)
        ]) programs
      ) nixfleet.packages;
      expected = lib.genAttrs systems (
        system:
        lib.genAttrs
          (
            [
              "default"
              "nixfleet"
            ]
            ++ lib.optional (lib.hasSuffix "linux" system) "nixfleet-activate"
          )
          (_: [
            system
            true
          ])
      );
    };

  "each system of operators has the apps" = {
    expr =
      let
        inherit (nixfleet.lib.mkFleet { modules = [ fleet ]; }) apps;
      in
      lib.mapAttrs (_: apps: lib.hasSuffix "/bin/nixfleet-plan" apps.plan.program) apps;
    expected = lib.genAttrs systems (_: true);
  };

  "the tests of the packages are derivations" = {
    expr = map (program: lib.hasSuffix ".drv" program.passthru.tests.version.drvPath) (
      lib.attrValues nixfleet.packages.x86_64-linux
    );
    expected = [
      true
      true
      true
    ];
  };

  "the packages have all of meta, tests and an update script" = {
    expr = map (
      program:
      lib.attrNames (
        lib.filterAttrs (name: _: !lib.hasAttrByPath (lib.splitString "." name) program) (
          lib.genAttrs [
            "meta.changelog"
            "meta.description"
            "meta.homepage"
            "meta.license"
            "meta.longDescription"
            "meta.mainProgram"
            "meta.maintainers"
            "meta.platforms"
            "passthru.tests.version"
            "passthru.updateScript"
          ] (_: null)
        )
      )
    ) (lib.attrValues nixfleet.packages.x86_64-linux);
    expected = [
      [ ]
      [ ]
      [ ]
    ];
  };
}
