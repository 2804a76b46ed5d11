# Tests of what a fleet offers to other tools: nixosConfigurations, the hive of colmena, and the modules
# `fleet-hosts` and `fleet-deploy-user`.
{
  evalFleet,
  lib,
  mkFleet,
  nixfleet,
  nixpkgs,
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
      modules = [
        (
          { host, name, ... }:
          {
            deployment.keys.token.keyCommand = [ "pass" ];
            environment.etc.me.text = "${name} at ${host.addr}";
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

  # Evaluates a node of the hive as colmena does; see src/nix/hive/eval.nix in colmena's sources.
  colmenaNode =
    hive: name:
    nixpkgs.lib.nixosSystem {
      modules = [
        {
          options.deployment = lib.genAttrs [
            "keys"
            "privilegeEscalationCommand"
            "tags"
            "targetHost"
            "targetPort"
            "targetUser"
          ] (_: lib.mkOption { type = lib.types.raw; });
        }
      ]
      ++ hive.${name};
      specialArgs = {
        inherit name;
        nodes = { };
      }
      // hive.meta.specialArgs
      // hive.meta.nodeSpecialArgs.${name};
    };
  node = colmenaNode outputs.colmena "db-1";

  plain = module: nixpkgs.lib.nixosSystem { modules = [ module ]; };
  withSystem = name: {
    networking.hostName = name;
    nixpkgs.hostPlatform = "x86_64-linux";
  };

  # Evaluates a host of the given base that imports one of the modules `fleet-hosts` and `fleet-deploy-user`.
  importing =
    base: user: module:
    (evalFleet {
      defaults.ssh.authorizedKeys = [ "ssh-ed25519 AAAA ada" ];
      hosts.host = {
        inherit base;
        addr = "10.0.0.1";
        ssh = { inherit user; };
        modules = [ module ];
      };
      hosts.other.addr = "10.0.0.2";
    }).intents.host;
  inherit (outputs.nixfleetModules) fleet-hosts fleet-deploy-user;
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

  "a hive has the NixOS hosts" = {
    expr = {
      nodes = lib.attrNames outputs.colmena;
      meta = lib.attrNames outputs.colmena.meta;
      others = lib.mapAttrs (_: packages: packages ? hello) outputs.colmena.meta.nodeNixpkgs;
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
      others.db-2 = true;
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

  "paths that NixOS alone does not make are told" = {
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

  "the names of all hosts, by their numeric address" = {
    expr = [
      (nixfleet.generateHosts (evalFleet module))
      (nixfleet.generateHosts outputs.nixfleet.fleet)
    ];
    expected = [
      {
        "10.0.1.11" = [ "web-1" ];
        "10.0.2.11" = [
          "db-1.example.org"
          "db-1"
        ];
        "10.0.2.12" = [ "db-2" ];
      }
      {
        "10.0.1.11" = [ "web-1" ];
        "10.0.2.11" = [ "db-1" ];
      }
    ];
  };

  "fleet-hosts names all hosts on each base" = {
    expr = {
      ubuntu = (importing "ubuntu" "root" fleet-hosts).intent.files."/etc/hosts".text;
      # NixOS itself adds further addresses to /etc/hosts, so only these two addresses are compared.
      nixos = lib.getAttrs [
        "10.0.0.1"
        "10.0.0.2"
      ] (importing "nixos" "root" fleet-hosts).config.networking.hosts;
      other =
        (plain {
          imports = [ outputs.nixosModules.fleet-hosts ];
        }).config.networking.hosts."10.0.1.11";
    };
    expected = {
      ubuntu = ''
        127.0.0.1 localhost
        127.0.1.1 host
        ::1 localhost ip6-localhost ip6-loopback
        ff02::1 ip6-allnodes
        ff02::2 ip6-allrouters

        10.0.0.1 host
        10.0.0.2 other
      '';
      nixos = {
        "10.0.0.1" = [ "host" ];
        "10.0.0.2" = [ "other" ];
      };
      other = [ "web-1" ];
    };
  };

  "fleet-deploy-user lets the SSH user in on each base" = {
    expr =
      let
        keysOf = host: user: host.intent.users.${user}.openssh.authorizedKeys;
        # NixOS itself adds sudo rules for root and for a group, which are left out here.
        rulesOf =
          host:
          lib.filter (users: users != [ ] && users != [ "root" ]) (
            map (rule: rule.users) host.config.security.sudo.extraRules
          );
        ubuntu = importing "ubuntu" "deploy" fleet-deploy-user;
        nixos = importing "nixos" "deploy" fleet-deploy-user;
        root = importing "nixos" "root" fleet-deploy-user;
      in
      {
        mistakes = ubuntu.problems ++ nixos.problems ++ root.problems;
        ubuntu = [
          (keysOf ubuntu "deploy")
          ubuntu.intent.files."/etc/sudoers.d/60-nixfleet-deploy".text
        ];
        nixos = [
          (keysOf nixos "deploy")
          (rulesOf nixos)
        ];
        root = [
          (keysOf root "root")
          (rulesOf root)
        ];
      };
    expected = {
      mistakes = [ ];
      ubuntu = [
        [ "ssh-ed25519 AAAA ada" ]
        "deploy ALL=(ALL:ALL) NOPASSWD: ALL\n"
      ];
      nixos = [
        [ "ssh-ed25519 AAAA ada" ]
        [ [ "deploy" ] ]
      ];
      root = [
        [ "ssh-ed25519 AAAA ada" ]
        [ ]
      ];
    };
  };

  "fleet-deploy-user lets nobody be locked out" = {
    expr =
      let
        mistakes =
          base:
          let
            host =
              (evalFleet {
                hosts.host = {
                  inherit base;
                  addr = "host";
                  modules = [ fleet-deploy-user ];
                };
              }).intents.host;
          in
          if base == "ubuntu" then
            map (problem: problem.what) host.problems
          else
            evaluates host.config.system.build.toplevel.drvPath;
      in
      [
        (mistakes "ubuntu")
        (mistakes "nixos")
      ];
    expected = [
      [
        "nobody could log in to host: set hosts.host.ssh.authorizedKeys or defaults.ssh.authorizedKeys"
      ]
      false
    ];
  };

  "any NixOS gets the user of the host of its name" = {
    expr =
      map
        (
          name:
          let
            inherit
              (plain {
                imports = [
                  outputs.nixosModules.fleet-deploy-user
                  (withSystem name)
                ];
              })
              config
              ;
            user = if name == "db-1" then "deploy" else "root";
          in
          config.users.users.${user}.openssh.authorizedKeys.keys
        )
        [
          "db-1"
          "laptop"
        ];
    expected = [
      [
        "ssh-ed25519 AAAA all"
        "ssh-ed25519 AAAA db"
      ]
      [ "ssh-ed25519 AAAA all" ]
    ];
  };
}
