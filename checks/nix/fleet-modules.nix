# Tests of the modules `fleet-hosts` and `fleet-deploy-user`, and of the names of all hosts.
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
        authorizedKeys = [ "ssh-ed25519 AAAA db" ];
      };
      facts.fqdn = "db-1.example.org";
    };
    hosts.db-2 = {
      addr = "db-2.example.org";
      facts.ip = "10.0.2.12/24";
      facts.hostname = "database";
    };
    hosts.web-1 = {
      addr = "10.0.1.11";
      base = "ubuntu";
    };
  };
  outputs = mkFleet module;

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
      hosts.other = {
        addr = "other.example.org";
        facts = {
          ip = "10.0.0.2/24";
          fqdn = "other.example.org";
          hostname = "spare";
        };
      };
    }).intents.host;
  inherit (outputs.nixfleetModules) fleet-hosts fleet-deploy-user;

  # The properties of a user of a NixOS system, and the sudo rules of the system. The rules that NixOS itself
  # adds for root and for a group are left out.
  accountIn = user: config: {
    inherit (config.users.users.${user}) isNormalUser;
    inherit (config.users.users.${user}.openssh.authorizedKeys) keys;
    rules = map (rule: lib.getAttrs [ "users" "commands" ] rule) (
      lib.filter (
        rule:
        !lib.elem rule.users or [ ] [
          [ ]
          [ "root" ]
        ]
      ) config.security.sudo.extraRules
    );
  };
  rules = [
    {
      users = [ "deploy" ];
      commands = [
        {
          command = "ALL";
          options = [ "NOPASSWD" ];
        }
      ];
    }
  ];
in
{
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
        "10.0.2.12" = [
          "db-2"
          "database"
        ];
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
        lib.getAttrs
          [
            "10.0.1.11"
            "10.0.2.11"
            "10.0.2.12"
          ]
          (plain {
            imports = [
              outputs.nixosModules.fleet-hosts
              (withSystem "laptop")
            ];
          }).config.networking.hosts;
    };
    expected = {
      ubuntu = ''
        127.0.0.1 localhost
        127.0.1.1 host
        ::1 localhost ip6-localhost ip6-loopback
        ff02::1 ip6-allnodes
        ff02::2 ip6-allrouters

        10.0.0.1 host
        10.0.0.2 other.example.org other spare
      '';
      nixos = {
        "10.0.0.1" = [ "host" ];
        "10.0.0.2" = [
          "other.example.org"
          "other"
          "spare"
        ];
      };
      other = {
        "10.0.1.11" = [ "web-1" ];
        "10.0.2.11" = [
          "db-1.example.org"
          "db-1"
        ];
        "10.0.2.12" = [
          "db-2"
          "database"
        ];
      };
    };
  };

  "fleet-deploy-user lets the SSH user in on Ubuntu" = {
    expr =
      let
        ubuntu = importing "ubuntu" "deploy" fleet-deploy-user;
        root = importing "ubuntu" "root" fleet-deploy-user;
        sudoers = "/etc/sudoers.d/60-nixfleet-deploy";
      in
      {
        mistakes = ubuntu.problems ++ root.problems;
        user = {
          inherit (ubuntu.intent.users.deploy) system;
          keys = ubuntu.intent.users.deploy.openssh.authorizedKeys;
        };
        sudoers = lib.getAttrs [ "text" "mode" ] ubuntu.intent.files.${sudoers};
        root = root.intent.users.root.openssh.authorizedKeys;
        rootSudoers = root.intent.files ? ${sudoers};
      };
    expected = {
      mistakes = [ ];
      user.system = false;
      user.keys = [ "ssh-ed25519 AAAA ada" ];
      sudoers.text = "deploy ALL=(ALL:ALL) NOPASSWD: ALL\n";
      sudoers.mode = "0440";
      root = [ "ssh-ed25519 AAAA ada" ];
      rootSudoers = false;
    };
  };

  "fleet-deploy-user lets the SSH user in on NixOS, in a fleet and elsewhere" = {
    expr =
      let
        ofFleet = user: importing "nixos" user fleet-deploy-user;
        elsewhere =
          name:
          plain {
            imports = [
              outputs.nixosModules.fleet-deploy-user
              (withSystem name)
            ];
          };
      in
      {
        mistakes = (ofFleet "deploy").problems ++ (ofFleet "root").problems;
        deploy = accountIn "deploy" (ofFleet "deploy").config;
        root = accountIn "root" (ofFleet "root").config;
        db-1 = accountIn "deploy" (elsewhere "db-1").config;
        laptop = accountIn "root" (elsewhere "laptop").config;
      };
    expected = {
      mistakes = [ ];
      deploy = {
        isNormalUser = true;
        keys = [ "ssh-ed25519 AAAA ada" ];
        inherit rules;
      };
      root = {
        isNormalUser = false;
        keys = [ "ssh-ed25519 AAAA ada" ];
        rules = [ ];
      };
      # In the fleet, the host db-1 has the SSH user `deploy` and a key in addition to the default key.
      db-1 = {
        isNormalUser = true;
        keys = [
          "ssh-ed25519 AAAA all"
          "ssh-ed25519 AAAA db"
        ];
        inherit rules;
      };
      # The fleet has no host `laptop`, so this system gets the default SSH user, root, and the default key.
      laptop = {
        isNormalUser = false;
        keys = [ "ssh-ed25519 AAAA all" ];
        rules = [ ];
      };
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
}
