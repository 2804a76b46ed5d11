# Tests of the test in virtual machines, ../vm: whether it evaluates, with the packages and the NixOS of
# `nixpkgs`. Nothing is built or run.
{ nixpkgs, ... }:
let
  inherit (nixpkgs) lib;
  pkgs = nixpkgs.legacyPackages.x86_64-linux;
  programs = import ../../lib/own-packages.nix pkgs "x86_64-linux";
  nixfleet = import ../../lib {
    inherit nixpkgs;
    packages.x86_64-linux = programs;
  };

  test = import ../vm {
    inherit
      nixfleet
      nixpkgs
      pkgs
      programs
      ;
  };
  first = test.nodes.target;
  fleets = import ../vm/fleets.nix {
    inherit nixfleet nixpkgs pkgs;
    authorizedKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGw1ZmlsbGVyZmlsbGVyZmlsbGVyZmlsbGVyZmlsbGVy";
  };
  systems = fleets.systems first.system.build.networkConfig;
in
{
  "the test and its driver evaluate" = {
    expr = map (lib.hasSuffix ".drv") [
      test.drvPath
      test.driver.drvPath
    ];
    expected = [
      true
      true
    ];
  };

  "the test has an operator's machine with the command, and a NixOS host" = {
    expr = lib.mapAttrs (
      _: node:
      lib.elem programs.nixfleet.name (map (package: package.name) node.environment.systemPackages)
    ) test.nodes;
    expected = {
      operator = true;
      target = false;
    };
  };

  # Otherwise the host would have to reboot in the middle of the test.
  "the host switches between the systems of the test without a reboot" = {
    expr =
      let
        bootParts = config: [
          config.boot.kernelParams
          config.system.build.kernel.drvPath
          config.system.build.initialRamdisk.drvPath
          config.system.modulesTree.drvPath
        ];
      in
      lib.mapAttrs (_: system: bootParts system.config == bootParts first) systems;
    expected = {
      first = true;
      second = true;
      unhealthy = true;
    };
  };

  "the host has the page, its unit and the network of the test in each state" = {
    expr = lib.mapAttrs (
      _:
      { config, ... }:
      [
        (config.environment.etc ? "page/index.html")
        (config.systemd.units ? "page.service")
        (config.networking.primaryIPAddress == first.networking.primaryIPAddress)
        (config.users.users.deploy.openssh.authorizedKeys.keys != [ ])
      ]
    ) systems;
    expected = lib.genAttrs [ "first" "second" "unhealthy" ] (_: [
      true
      true
      true
      true
    ]);
  };
}
