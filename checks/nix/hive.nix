# Tests of the hive: the NixOS hosts of a fleet in the format of colmena.
{
  evalFleet,
  lib,
  mkFleet,
  nixfleet,
  nixpkgs,
  prebuilt,
  ...
}:
let
  evaluates = value: (builtins.tryEval (builtins.deepSeq value value)).success;

  module = {
    defaults.base = "nixos";
    defaults.ssh.authorizedKeys = [ "ssh-ed25519 AAAA all" ];
    hosts.db-1 = {
      addr = "10.0.2.11";
      ssh = {
        user = "deploy";
        port = 2222;
        authorizedKeys = [ "ssh-ed25519 AAAA db" ];
      };
      tags = [ "db" ];
      facts.fqdn = "db-1.example.org";
      deployment.keys.password = {
        keyFile = "/home/ada/secrets/password";
        user = "app";
      };
      modules = [
        (
          {
            host,
            hosts,
            inputs,
            name,
            ...
          }:
          {
            deployment.keys.token.keyCommand = [ "pass" ];
            environment.etc.me.text = "${name} at ${host.addr}";
            environment.etc.others.text = "${hosts.db-2.facts.ip}, ${hosts.web-1.addr}, ${inputs.app.rev or "none"}";
            nixfleet.files."/etc/app.conf".text = "x";
          }
        )
      ];
    };
    hosts.db-2 = {
      addr = "db-2.example.org";
      system = "aarch64-linux";
      facts.ip = "10.0.2.12/24";
    };
    hosts.web-1 = {
      addr = "10.0.1.11";
      base = "ubuntu";
    };
  };
  outputs = mkFleet module;

  # Evaluates a node of the hive in the same way as src/nix/hive/eval.nix in the sources of colmena.
  colmenaNode =
    hive: name:
    nixpkgs.lib.nixosSystem {
      modules = [
        {
          options.deployment =
            lib.genAttrs [
              "privilegeEscalationCommand"
              "tags"
              "targetHost"
              "targetPort"
              "targetUser"
            ] (_: lib.mkOption { type = lib.types.raw; })
            // {
              keys = lib.mkOption { type = with lib.types; attrsOf (attrsOf raw); };
            };
        }
      ]
      ++ hive.${name}
      ++ [
        (
          { lib, ... }:
          let
            packages = hive.meta.nodeNixpkgs.${name} or hive.meta.nixpkgs;
          in
          {
            nixpkgs.config = lib.mkBefore (packages.config or { });
            nixpkgs.overlays = lib.mkBefore (packages.overlays or [ ]);
          }
        )
      ];
      specialArgs = {
        inherit name;
        nodes = { };
      }
      // hive.meta.specialArgs
      // hive.meta.nodeSpecialArgs.${name};
    };
  node = colmenaNode outputs.colmena "db-1";
in
{
  "a hive has the NixOS hosts" = {
    expr = {
      nodes = lib.attrNames outputs.colmena;
      meta = lib.attrNames outputs.colmena.meta;
    };
    expected = {
      nodes = [
        "db-1"
        "db-2"
        "meta"
      ];
      meta = [
        "nixpkgs"
        "nodeNixpkgs"
        "nodeSpecialArgs"
        "specialArgs"
      ];
    };
  };

  "a hive has the packages of each host's system" = {
    expr =
      let
        inherit (mkFleet { defaults.system = "aarch64-linux"; }) colmena;
        hello = packages: packages.hello.drvPath;
      in
      {
        usual = hello outputs.colmena.meta.nixpkgs;
        others = lib.mapAttrs (_: hello) outputs.colmena.meta.nodeNixpkgs;
        ofDefaults = hello colmena.meta.nixpkgs;
      };
    expected =
      let
        helloOf = system: nixpkgs.legacyPackages.${system}.hello.drvPath;
      in
      {
        usual = helloOf "x86_64-linux";
        others.db-2 = helloOf "aarch64-linux";
        ofDefaults = helloOf "aarch64-linux";
      };
  };

  "nodes of a hive read the inputs of the flake and all hosts" = {
    expr =
      let
        hive =
          (nixfleet.mkFleet {
            inputs.app.rev = "1234";
            modules = [
              prebuilt
              module
            ];
          }).colmena;
        # A hive whose node db-1 gets only the arguments of all nodes, and its own argument `host`.
        common = hive // {
          meta = hive.meta // {
            nodeSpecialArgs.db-1 = { inherit (hive.meta.nodeSpecialArgs.db-1) host; };
          };
        };
        text = node: node.config.environment.etc.others.text;
      in
      map (hive: text (colmenaNode hive "db-1")) [
        hive
        common
      ];
    expected = [
      "10.0.2.12/24, 10.0.1.11, 1234"
      "10.0.2.12/24, 10.0.1.11, 1234"
    ];
  };

  "generateColmena makes the hive of a fleet that is evaluated already" = {
    expr =
      let
        hive = nixfleet.generateColmena (evalFleet module);
        inherit (colmenaNode hive "db-1") config;
      in
      {
        nodes = lib.attrNames hive;
        inherit (config.deployment) targetHost;
        same =
          config.system.build.toplevel.drvPath
          == outputs.nixosConfigurations.db-1.config.system.build.toplevel.drvPath;
      };
    expected = {
      nodes = [
        "db-1"
        "db-2"
        "meta"
      ];
      targetHost = "10.0.2.11";
      same = true;
    };
  };

  "colmena evaluates what NixFleet does, and gets the inventory" = {
    expr = {
      inherit (node.config) deployment;
      me = node.config.environment.etc.me.text;
      same =
        node.config.system.build.toplevel.drvPath
        == outputs.nixosConfigurations.db-1.config.system.build.toplevel.drvPath;
    };
    expected = {
      deployment = {
        targetHost = "10.0.2.11";
        targetPort = 2222;
        targetUser = "deploy";
        tags = [ "db" ];
        keys.token.keyCommand = [ "pass" ];
        keys.password = {
          keyFile = "/home/ada/secrets/password";
          user = "app";
        };
        privilegeEscalationCommand = [
          "sudo"
          "-n"
          "-H"
          "--"
        ];
      };
      me = "db-1 at 10.0.2.11";
      same = true;
    };
  };

  "the keys of a host are in the hive alone" = {
    expr =
      let
        keyless = mkFleet {
          imports = [ module ];
          hosts.db-1.deployment.keys = lib.mkForce { };
        };
        closure = outputs: outputs.nixfleet.hosts.db-1.toplevel.drvPath;
      in
      {
        same = closure keyless == closure outputs;
        inventory = outputs.nixfleet.fleet.hosts.db-1 ? deployment;
        left = lib.attrNames (colmenaNode keyless.colmena "db-1").config.deployment.keys;
      };
    expected = {
      same = true;
      inventory = false;
      left = [ "token" ];
    };
  };

  "`nixfleet import colmena` reads a hive that NixFleet made" = {
    expr = lib.mapAttrs (
      _:
      lib.getAttrs [
        "keys"
        "system"
        "tags"
        "targetHost"
        "targetPort"
        "targetUser"
      ]
    ) (import ../../operator/src/import/colmena.nix null outputs.colmena).nodes;
    expected = {
      db-1 = {
        keys = [
          "password"
          "token"
        ];
        system = "x86_64-linux";
        tags = [ "db" ];
        targetHost = "10.0.2.11";
        targetPort = 2222;
        targetUser = "deploy";
      };
      db-2 = {
        keys = [ ];
        system = "aarch64-linux";
        tags = [ ];
        targetHost = "db-2.example.org";
        targetPort = 22;
        targetUser = "root";
      };
    };
  };

  "the user's own colmena makes the hive" = {
    expr =
      let
        outputs = nixfleet.mkFleet {
          inputs.colmena.lib.makeHive = hive: { made = lib.attrNames hive; };
          modules = [ module ];
        };
      in
      [
        outputs.colmenaHive.made
        ((mkFleet module) ? colmenaHive)
      ];
    expected = [
      [
        "db-1"
        "db-2"
        "meta"
      ]
      false
    ];
  };

  "a host whose name means something else in a hive is refused" = {
    expr = evaluates (
      lib.attrNames
        (mkFleet {
          hosts.meta = {
            addr = "meta";
            base = "nixos";
          };
        }).colmena
    );
    expected = false;
  };

  "a mistake gives no system, and no node" = {
    expr =
      let
        outputs = mkFleet {
          hosts.db-1 = {
            addr = "db-1";
            base = "nixos";
            modules = [ { nixfleet.files."/etc/x".text = 1; } ];
          };
        };
      in
      [
        (evaluates (lib.attrNames outputs.nixosConfigurations.db-1))
        (evaluates (colmenaNode outputs.colmena "db-1").config.system.build.toplevel.drvPath)
      ];
    expected = [
      false
      false
    ];
  };

  "a hive warns of paths that NixOS alone does not make" = {
    expr =
      let
        outputs = mkFleet {
          hosts.db-1 = {
            addr = "db-1";
            base = "nixos";
            modules = [
              {
                nixfleet.files."/srv/app.conf".text = "x";
                nixfleet.files."/etc/app.conf".text = "x";
                nixfleet.directories."/etc/app" = { };
              }
            ];
          };
        };
      in
      map (
        warning:
        map (path: lib.hasInfix path warning) [
          "\"/srv/app.conf\""
          "\"/etc/app\""
          "\"/etc/app.conf\""
        ]
      ) (colmenaNode outputs.colmena "db-1").config.warnings;
    expected = [
      [
        true
        true
        false
      ]
    ];
  };
}
