# Tests of the inventory that the command line reads from fleet modules.
{
  lib,
  mkFleet,
  nixfleet,
  ...
}:
let
  fleetOf = module: (mkFleet module).nixfleet.fleet;

  # The default timeouts in seconds. The command line has the same defaults.
  timeouts = {
    connect = 10;
    silence = 15;
    answer = 300;
    copy = 7200;
    change = 3600;
    rejoin = 120;
    boot = 900;
  };
in
{
  "a host has the defaults" = {
    expr = fleetOf { hosts.web-1.addr = "10.0.1.11"; };
    expected = {
      schema = 1;
      revision = null;
      hosts.web-1 = {
        name = "web-1";
        base = "ubuntu";
        system = "x86_64-linux";
        addr = "10.0.1.11";
        ssh = {
          user = "root";
          port = 22;
          hostKey = null;
        };
        rollout.confirmTimeout = 30;
        inherit timeouts;
        tags = [ ];
        roles = [ ];
        maintenance = null;
        pin = null;
      };
      rollout = { };
      notifications = { };
      tags = { };
    };
  };

  "a host overrides the fleet's defaults, and adds to tags and roles" = {
    expr =
      (fleetOf {
        defaults = {
          ssh.user = "deploy";
          ssh.port = 2222;
          system = "aarch64-linux";
          tags = [ "prod" ];
          roles = [ "base" ];
        };
        roles.base = { };
        roles.web = { };
        hosts.web-1 = {
          addr = "web-1";
          ssh.user = "ada";
          ssh.hostKey = "ssh-ed25519 AAAA";
          tags = [
            "web"
            "prod"
          ];
          roles = [ "web" ];
        };
      }).hosts.web-1;
    expected = {
      name = "web-1";
      base = "ubuntu";
      system = "aarch64-linux";
      addr = "web-1";
      ssh = {
        user = "ada";
        port = 2222;
        hostKey = "ssh-ed25519 AAAA";
      };
      rollout.confirmTimeout = 30;
      inherit timeouts;
      tags = [
        "prod"
        "web"
      ];
      roles = [
        "base"
        "web"
      ];
      maintenance = null;
      pin = null;
    };
  };

  "the file of hostKeys has the keys of hosts, and the command line learns where it is" = {
    expr =
      let
        fleet = fleetOf {
          hostKeys = ./inventories/host-keys.json;
          hosts.web-1.addr = "web-1";
          hosts.db-1 = {
            addr = "db-1";
            ssh.hostKey = "ssh-ed25519 AAAAC3db";
          };
          hosts.db-2.addr = "db-2";
        };
      in
      lib.mapAttrs (_: host: host.ssh.hostKey) fleet.hosts
      // {
        file = baseNameOf fleet.hostKeys;
      };
    expected = {
      web-1 = "ssh-ed25519 AAAAC3web";
      db-1 = "ssh-ed25519 AAAAC3db";
      db-2 = null;
      file = "host-keys.json";
    };
  };

  "the file of hostKeys need not exist" = {
    expr =
      (fleetOf {
        hostKeys = ./inventories/none.json;
        hosts.web-1.addr = "web-1";
      }).hosts.web-1.ssh.hostKey;
    expected = null;
  };

  "the command line gets the keys that may log in" = {
    expr =
      (fleetOf {
        defaults.ssh.authorizedKeys = [ "ssh-ed25519 AAAA ada" ];
        hosts.web-1.addr = "web-1";
      }).hosts.web-1.ssh.authorizedKeys;
    expected = [ "ssh-ed25519 AAAA ada" ];
  };

  "a host is waited for as long as it says, and else as long as the fleet says" = {
    expr =
      lib.mapAttrs (_: host: host.timeouts)
        (fleetOf {
          defaults.timeouts.change = "3h";
          hosts.as-the-fleet.addr = "a";
          hosts.far-away = {
            addr = "b";
            timeouts = {
              copy = "1d";
              rejoin = 600;
            };
          };
        }).hosts;
    expected = {
      as-the-fleet = timeouts // {
        change = 10800;
      };
      far-away = timeouts // {
        change = 10800;
        copy = 86400;
        rejoin = 600;
      };
    };
  };

  "a length of time becomes a number of seconds, and false becomes null" = {
    expr =
      lib.mapAttrs (_: host: host.rollout.confirmTimeout)
        (fleetOf {
          defaults.rollout.confirmTimeout = "2m";
          hosts.as-the-fleet.addr = "a";
          hosts.seconds = {
            addr = "b";
            rollout.confirmTimeout = 45;
          };
          hosts.hour = {
            addr = "c";
            rollout.confirmTimeout = lib.mkForce "1h";
          };
          hosts.never = {
            addr = "d";
            rollout.confirmTimeout = false;
          };
        }).hosts;
    expected = {
      as-the-fleet = 120;
      seconds = 45;
      hour = 3600;
      never = null;
    };
  };

  "a fleet need not confirm at all" = {
    expr =
      (fleetOf {
        defaults.rollout.confirmTimeout = false;
        hosts.web-1.addr = "web-1";
      }).hosts.web-1.rollout;
    expected.confirmTimeout = null;
  };

  "the short form means the same as a module" = {
    expr =
      (nixfleet.mkFleet {
        fleet = {
          network.ssh.user = "deploy";
          hosts.web-1.addr = "web-1";
        };
        hostConfigurations.web-1 = {
          nixfleet.files."/etc/x".text = "x";
        };
      }).nixfleet.fleet;
    expected = fleetOf {
      defaults.ssh.user = "deploy";
      hosts.web-1 = {
        addr = "web-1";
        modules = [ { nixfleet.files."/etc/x".text = "x"; } ];
      };
    };
  };

  "two hosts behind one address differ by their port" = {
    expr =
      builtins.attrNames
        (fleetOf {
          hosts.web-1.addr = "gate";
          hosts.web-2.addr = "gate";
          hosts.web-2.ssh.port = 2222;
        }).hosts;
    expected = [
      "web-1"
      "web-2"
    ];
  };

  "a fleet without hosts is a fleet" = {
    expr = fleetOf { };
    expected = {
      schema = 1;
      revision = null;
      hosts = { };
      rollout = { };
      notifications = { };
      tags = { };
    };
  };
}
