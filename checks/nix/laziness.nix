# Tests that NixFleet evaluates only the values that are requested.
{
  lib,
  nixfleet,
  mkFleet,
  ...
}:
let
  withoutPackages =
    module:
    nixfleet.mkFleet {
      nixpkgs = {
        inherit lib;
        legacyPackages = throw "the package set was evaluated";
      };
      modules = [
        module
        { activator.x86_64-linux = ./laziness.nix; }
      ];
    };
in
{
  "the inventory touches no host's modules" = {
    expr =
      (mkFleet {
        hosts.web-1.addr = "web-1";
        hosts.web-1.modules = [ (_: throw "the host's module was evaluated") ];
      }).nixfleet.fleet.hosts.web-1.addr;
    expected = "web-1";
  };

  "a host without packages touches no package set" = {
    expr = lib.hasSuffix ".drv" (
      (withoutPackages {
        hosts.web-1.addr = "web-1";
        hosts.web-1.modules = [ { nixfleet.files."/etc/x".text = "x"; } ];
      }).nixfleet.hosts.web-1.toplevel.drvPath
    );
    expected = true;
  };

  "one host does not evaluate another" = {
    expr =
      (mkFleet {
        hosts.web-1.addr = "web-1";
        hosts.web-1.modules = [ { nixfleet.files."/etc/x".text = "x"; } ];
        hosts.web-2.addr = "web-2";
        hosts.web-2.modules = [ (_: throw "the other host was evaluated") ];
      }).nixfleet.hosts.web-1.toplevel.intent.host;
    expected = "web-1";
  };

  "one NixOS host does not evaluate another, of whatever base" = {
    expr =
      let
        others = {
          hosts.db-2.addr = "db-2";
          hosts.db-2.base = "nixos";
          hosts.db-2.modules = [ (_: throw "the other NixOS host was evaluated") ];
          hosts.web-1.addr = "web-1";
          hosts.web-1.modules = [ (_: throw "the Ubuntu host was evaluated") ];
        };
        outputs = mkFleet {
          imports = [ others ];
          hosts.db-1.addr = "db-1";
          hosts.db-1.base = "nixos";
        };
      in
      [
        outputs.nixosConfigurations.db-1.config.networking.hostName
        outputs.nixfleet.hosts.db-1.toplevel.name
        (lib.length outputs.colmena.db-1 > 0)
        (lib.attrNames outputs.nixosConfigurations)
      ];
    expected = [
      "db-1"
      "nixfleet-db-1"
      true
      [
        "db-1"
        "db-2"
      ]
    ];
  };

  "a report of mistakes evaluates no NixOS host that was not evaluated" = {
    expr =
      let
        fleet = mkFleet {
          hosts.web-1.addr = "web-1";
          hosts.web-1.modules = [ { nixfleet.files."/etc/x".mode = "9"; } ];
          hosts.db-1.addr = "db-1";
          hosts.db-1.base = "nixos";
          hosts.db-1.modules = [ { nixfleet.files."/etc/x".mode = "9"; } ];
          hosts.db-2.addr = "db-2";
          hosts.db-2.base = "nixos";
          # If this module is evaluated, the whole test run fails, because tryEval does not catch `abort`.
          hosts.db-2.modules = [ (_: abort "the NixOS host was evaluated") ];
        };
        evaluates = closure: (builtins.tryEval closure.drvPath).success;
      in
      [
        (evaluates fleet.nixfleet.hosts.web-1.toplevel)
        (evaluates fleet.nixfleet.hosts.db-1.toplevel)
        (evaluates fleet.nixosConfigurations.db-1.config.system.build.toplevel)
      ];
    expected = [
      false
      false
      false
    ];
  };

  "an Ubuntu host does not need a NixOS" = {
    expr =
      (nixfleet.mkFleet {
        nixpkgs = {
          lib = lib // {
            nixosSystem = throw "NixOS was evaluated";
          };
          legacyPackages = { };
        };
        modules = [
          {
            activator.x86_64-linux = ./laziness.nix;
            hosts.web-1.addr = "web-1";
            hosts.db-1.addr = "db-1";
            hosts.db-1.base = "nixos";
          }
        ];
      }).nixfleet.hosts.web-1.toplevel.intent.host;
    expected = "web-1";
  };

  "the order of many tags is looked at once, however many ways lead through it" = {
    expr =
      let
        tags = map (number: "tier-${toString (100 + number)}") (lib.range 1 40);
        later = tag: lib.filter (other: tag < other) tags;
      in
      lib.length
        (mkFleet {
          hosts.web-1.addr = "web-1";
          hosts.web-1.tags = tags;
          tags = lib.genAttrs tags (tag: {
            before = later tag;
          });
        }).nixfleet.fleet.tags.tier-101.before;
    expected = 39;
  };

  "NixFleet's own programs are not touched where a host closure is not" = {
    expr = (nixfleet.mkFleet { modules = [ { hosts.web-1.addr = "web-1"; } ]; }).nixfleet.fleet.schema;
    expected = 1;
  };
}
