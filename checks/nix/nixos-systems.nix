# Tests of the flake output `nixosConfigurations`, which has the NixOS systems of a fleet.
{
  mkFleet,
  lib,
  nixfleet,
  nixpkgs,
  prebuilt,
  ...
}:
let
  evaluates = value: (builtins.tryEval (builtins.deepSeq value value)).success;

  outputs = mkFleet {
    hosts.db-1 = {
      addr = "10.0.2.11";
      base = "nixos";
      modules = [
        (
          { host, name, ... }:
          {
            environment.etc.me.text = "${name} at ${host.addr}";
          }
        )
      ];
    };
    hosts.db-2 = {
      addr = "db-2";
      base = "nixos";
    };
    hosts.web-1.addr = "web-1";
  };
in
{
  "NixOS hosts are plain NixOS systems" = {
    expr = {
      names = lib.attrNames outputs.nixosConfigurations;
      me = outputs.nixosConfigurations.db-1.config.environment.etc.me.text;
      hasPackages = outputs.nixosConfigurations.db-1 ? pkgs;
      isBuildable = evaluates outputs.nixosConfigurations.db-1.config.system.build.toplevel.drvPath;
    };
    expected = {
      names = [
        "db-1"
        "db-2"
      ];
      me = "db-1 at 10.0.2.11";
      hasPackages = true;
      isBuildable = true;
    };
  };

  "nixosConfigurations warns of paths that NixOS alone does not make" = {
    expr =
      let
        outputs = nixfleet.mkFleet {
          # In this `lib`, `warn` returns the warning instead of the system, so that the test can compare it.
          nixpkgs = nixpkgs // {
            lib = nixpkgs.lib // {
              warn = text: _: { warning = text; };
            };
          };
          modules = [
            prebuilt
            {
              defaults.base = "nixos";
              hosts.db-1.addr = "db-1";
              hosts.db-1.modules = [
                {
                  nixfleet.files."/srv/app.conf".text = "x";
                  nixfleet.links."/srv/current".target = "releases/1";
                  nixfleet.absent."/srv/old" = { };
                  nixfleet.directories."/etc/app" = { };
                  nixfleet.files."/etc/app.conf".text = "x";
                }
              ];
              hosts.db-2.addr = "db-2";
            }
          ];
        };
      in
      {
        inherit (outputs.nixosConfigurations.db-1) warning;
        db-2 = outputs.nixosConfigurations.db-2 ? warning;
      };
    expected = {
      warning =
        "host db-1: NixOS does not apply nixfleet.absent.\"/srv/old\", nixfleet.directories.\"/etc/app\", "
        + "nixfleet.files.\"/srv/app.conf\", nixfleet.links.\"/srv/current\": it creates only files and links "
        + "below /etc, and `nixfleet apply` handles all other paths";
      db-2 = false;
    };
  };
}
