# Tests of the package sets of hosts: overlays, configuration, own package sets, and how often nixpkgs is
# imported.
{
  lib,
  mkFleet,
  nixpkgs,
  ...
}:
let
  overlay = final: _: {
    ours = final.hello_1;
  };
  unfree.allowUnfreePredicate = package: lib.getName package == "unfree";

  hosts =
    count: module:
    lib.listToAttrs (
      map (number: {
        name = "web-${toString number}";
        value = {
          addr = "web-${toString number}";
        }
        // module number;
      }) (lib.range 1 count)
    );
  packagesOf = outputs: lib.mapAttrsToList (_: host: host.pkgs) outputs.nixfleet.hosts;

  # Counts the imports of nixpkgs. Each import of the stand-in for nixpkgs has its own `identity`, a set with
  # a function. Nix never finds two bare functions equal, but it finds a set with a function equal to itself.
  imports = packages: lib.length (lib.unique (map (pkgs: pkgs.identity) packages));

  nameOf = module: (mkFleet module).nixfleet.hosts.web-1.pkgs.ours.name or "nothing";

  evaluates = value: (builtins.tryEval (builtins.deepSeq value value)).success;
in
{
  "an overlay of the fleet changes the packages of every host" = {
    expr = nameOf {
      nixpkgs.overlays = [ overlay ];
      hosts = hosts 1 (_: { });
    };
    expected = "hello-1.0";
  };

  "an overlay of a host comes after those of the fleet" = {
    expr = [
      (nameOf {
        nixpkgs.overlays = [ overlay ];
        hosts = hosts 1 (_: {
          nixpkgs.overlays = [
            (_: prev: {
              ours = prev.ours // {
                name = "${prev.ours.name}-patched";
              };
            })
          ];
        });
      })
      (nameOf {
        hosts = hosts 1 (_: { }) // {
          web-2.addr = "web-2";
          web-2.nixpkgs.overlays = [ overlay ];
        };
      })
    ];
    expected = [
      "hello-1.0-patched"
      "nothing"
    ];
  };

  "a package set of a host is used as it is, on every base" = {
    expr =
      map
        (
          base:
          nameOf {
            nixpkgs.overlays = [ overlay ];
            hosts = hosts 1 (_: {
              inherit base;
              pkgs = nixpkgs.legacyPackages.x86_64-linux // {
                ours.name = "mine";
              };
            });
          }
        )
        [
          "ubuntu"
          "nixos"
        ];
    expected = [
      "mine"
      "mine"
    ];
  };

  "a package set for another system than the host's is refused when it is used" = {
    expr = evaluates (nameOf {
      hosts = hosts 1 (_: {
        pkgs = nixpkgs.legacyPackages.x86_64-linux // {
          stdenv.hostPlatform.system = "aarch64-linux";
        };
      });
    });
    expected = false;
  };

  "modules get the packages as the argument pkgs, on every base" = {
    expr =
      let
        closure =
          base:
          (mkFleet {
            nixpkgs.overlays = [ overlay ];
            nixpkgs.config = unfree;
            hosts = hosts 1 (_: {
              inherit base;
              modules = [
                (
                  { pkgs, ... }:
                  {
                    nixfleet.packages = [
                      pkgs.ours
                      pkgs.unfree
                    ];
                  }
                )
              ];
            });
          }).nixfleet.hosts.web-1.config.nixfleet.packages;
      in
      map (base: map (package: package.name) (closure base)) [
        "ubuntu"
        "nixos"
      ];
    expected = [
      [
        "hello-1.0"
        "unfree-1.0"
      ]
      [
        "hello-1.0"
        "unfree-1.0"
      ]
    ];
  };

  "the configuration of a host is added to that of the fleet, and lists are joined" = {
    expr =
      let
        inherit
          ((mkFleet {
            imports = [ { nixpkgs.config.permittedInsecurePackages = [ "a-1" ]; } ];
            nixpkgs.config.permittedInsecurePackages = [ "b-1" ];
            nixpkgs.config.allowBroken = true;
            hosts = hosts 1 (_: {
              nixpkgs.config.permittedInsecurePackages = [ "c-1" ];
              nixpkgs.config.allowBroken = false;
            });
          }).nixfleet.hosts.web-1.pkgs
          )
          config
          ;
      in
      {
        inherit (config) allowBroken;
        permitted = lib.sort lib.lessThan config.permittedInsecurePackages;
      };
    expected = {
      allowBroken = false;
      permitted = [
        "a-1"
        "b-1"
        "c-1"
      ];
    };
  };

  "a thousand hosts with the settings of the fleet import nixpkgs once" = {
    expr = imports (
      packagesOf (mkFleet {
        nixpkgs.overlays = [ overlay ];
        nixpkgs.config = unfree;
        hosts = hosts 1000 (_: { });
      })
    );
    expected = 1;
  };

  "hosts with the same settings of their own share an import, and others do not" = {
    expr = imports (
      packagesOf (mkFleet {
        hosts = hosts 200 (number: {
          nixpkgs = {
            overlays = [ overlay ];
            config = {
              allowBroken = true;
            }
            // lib.optionalAttrs (number > 100) unfree;
          };
        });
      })
    );
    expected = 2;
  };

  "each system has packages of its own" = {
    expr = imports (
      packagesOf (mkFleet {
        activator.aarch64-linux = ./package-sets.nix;
        nixpkgs.overlays = [ overlay ];
        hosts = hosts 4 (number: {
          system = if number > 2 then "aarch64-linux" else "x86_64-linux";
        });
      })
    );
    expected = 2;
  };

  "a fleet without settings shares the packages of the flake of nixpkgs" = {
    expr = lib.length (
      lib.unique (
        [ nixpkgs.legacyPackages.x86_64-linux.identity ]
        ++ map (pkgs: pkgs.identity) (
          packagesOf (mkFleet {
            hosts = hosts 3 (_: { });
          })
        )
      )
    );
    expected = 1;
  };

  "nixpkgs' own text about an unfree package is replaced where nixpkgs is imported with settings" = {
    expr = (import ../../lib/refused-packages.nix { inherit lib; }).text {
      reason = "unfree";
      message = "Refusing to evaluate package 'terraform-1.9.2' in /x:1 because it has an unfree license (‘bsl11’)";
    };
    expected = ''
      [NF-201] the package terraform-1.9.2 has an unfree license
      why: nixpkgs refuses such packages unless its configuration allows them; a flake reads neither NIXPKGS_ALLOW_UNFREE nor ~/.config/nixpkgs
      write: nixpkgs.config.allowUnfreePredicate = package: builtins.elem (lib.getName package) [ "terraform" ];  # in fleet.nix; or hosts.<name>.nixpkgs.config.allowUnfreePredicate'';
  };

  "the package of older messages of nixpkgs is found too" = {
    expr = lib.head (
      lib.splitString "\n" (
        (import ../../lib/refused-packages.nix { inherit lib; }).text {
          reason = "insecure";
          message = "Package ‘openssl-1.1.1w’ in /x:1 is marked as insecure, refusing to evaluate.";
        }
      )
    );
    expected = "[NF-201] the package openssl-1.1.1w has known vulnerabilities";
  };

  "a refused package that only a text names is an error too" = {
    expr = evaluates (
      (mkFleet {
        nixpkgs.config.allowBroken = true;
        hosts = hosts 1 (_: {
          modules = [ ({ pkgs, ... }: { nixfleet.files."/etc/x".text = "${pkgs.unfree}"; }) ];
        });
      }).nixfleet.hosts.web-1.toplevel.drvPath
    );
    expected = false;
  };
}
