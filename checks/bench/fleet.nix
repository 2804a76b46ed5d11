# A fleet to measure evaluation. It has as many Ubuntu hosts as the argument `hosts` says. Each host has one
# unit, and as many files as the argument `files` says. The result is a set with the derivation of each host.
#
#   nix-instantiate --eval --strict --json --read-write-mode checks/bench/fleet.nix \
#     --arg nixpkgs PATH --arg activator PATH --arg hosts 1000
{
  nixpkgs,
  activator,
  hosts ? 1000,
  files ? 20,
}:
let
  lib = import (nixpkgs + "/lib");
  nixfleet = import ../../lib {
    nixpkgs = {
      inherit lib;
      legacyPackages = { };
    };
    packages = { };
  };

  role =
    { name, ... }:
    {
      nixfleet.files = lib.listToAttrs (
        lib.genList (
          index:
          lib.nameValuePair "/etc/bench/${toString index}.conf" {
            text = "host = ${name}\nindex = ${toString index}\n";
            mode = "0640";
            restartUnits = [ "bench.service" ];
          }
        ) files
      );
      nixfleet.systemd.units."bench.service".sections = {
        Unit.Description = "Bench of ${name}";
        Service.ExecStart = "/bin/sleep infinity";
        Install.WantedBy = "multi-user.target";
      };
    };

  outputs = nixfleet.mkFleet {
    modules = [
      {
        roles.bench = role;
        activator.x86_64-linux = activator;
        hosts = lib.listToAttrs (
          lib.genList (
            index:
            lib.nameValuePair "host-${toString index}" {
              addr = "host-${toString index}.example.org";
              tags = [ "bench" ];
              roles = [ "bench" ];
            }
          ) hosts
        );
      }
    ];
  };
in
lib.mapAttrs (_: host: host.toplevel.drvPath) outputs.nixfleet.hosts
