# Tests that the argument `fleet` of mkFleet accepts a configuration that was written for other tools as well.
{
  lib,
  nixfleet,
  ...
}:
let
  fleetOf = fleet: nixfleet.fleetOf { inherit fleet; };

  existing = {
    hosts = {
      web-1 = {
        hostname = "web-1";
        fqdn = "web-1.example.org";
        ip = "10.0.1.11/24";
        tags = [
          "web"
          "prod"
        ];
        interfaces.eth0.mac = "52:54:00:12:34:56";
        ssh = {
          user = "deploy";
          port = 2222;
          publicKey = "ssh-ed25519 AAAA root@web-1";
          authorizedKeys = [ "ssh-ed25519 AAAA ada" ];
        };
        wol = {
          mac = "52:54:00:12:34:56";
          interface = "eth0";
        };
        deploy.enable = true;
        rack = "a";
      };
      web-2 = {
        fqdn = "web-2.example.org";
        wol = "52:54:00:12:34:57";
        rack = "b";
        facts.domain = "test.example.org";
      };
      web-3.hostname = "web-3";
      web-4 = {
        addr = "gate";
        ip = "10.0.1.14";
        ssh.hostKey = "ssh-ed25519 BBBB";
      };
    };
    network = {
      domain = "example.org";
      subnet = "10.0.1.0/24";
      gateway = "10.0.1.1";
      dns = [ "10.0.1.53" ];
      base = "nixos";
      ssh.user = "admin";
      mtu = 9000;
    };
    groups.web = [ "web-1" ];
  };

  fleet = fleetOf existing;

  # A fleet with keys of `network` that are options of `defaults`, and with further keys next to `hosts` and
  # `network`.
  withDefaults = fleetOf {
    hosts.web-1 = {
      ip = "10.0.1.11";
      tags = [ "web" ];
      roles = [ "web" ];
      facts.rack = "a";
      timeouts.copy = "12h";
    };
    hosts.web-2.ip = "10.0.1.12";
    network = {
      system = "aarch64-linux";
      rollout.canary = 1;
      rollout.confirmTimeout = "2m";
      timeouts.answer = "10m";
      tags = [ "prod" ];
      roles = [ "base" ];
      facts.rack = "b";
      facts.domain = "facts.example.org";
      domain = "example.org";
    };
    defaults.ssh.user = "deploy";
    defaults.ssh.authorizedKeys = [ "ssh-ed25519 AAAA ada" ];
    roles.base = { };
    roles.web =
      { host, hosts, ... }:
      {
        nixfleet.files."/etc/where".text =
          "${host.facts.rack} of ${host.facts.domain}, ${hosts.web-2.facts.rack} at ${hosts.web-2.facts.ip}";
      };
  };
in
{
  "keys of network and defaults mean what they mean in defaults" = {
    expr = {
      mistakes = nixfleet.report withDefaults;
      inherit (withDefaults) warnings;
      rollout = lib.filterAttrs (_: value: value != null) withDefaults.config.defaults.rollout;
      hosts = lib.mapAttrs (_: host: {
        inherit (host) roles system tags;
        inherit (host.rollout) confirmTimeout;
        timeouts = { inherit (host.timeouts) answer copy; };
        ssh = { inherit (host.ssh) user authorizedKeys; };
      }) withDefaults.hosts;
    };
    expected = {
      mistakes = null;
      warnings = [ ];
      rollout = {
        canary = 1;
        confirmTimeout = 120;
      };
      hosts.web-1 = {
        system = "aarch64-linux";
        tags = [
          "prod"
          "web"
        ];
        roles = [
          "base"
          "web"
        ];
        confirmTimeout = 120;
        timeouts.answer = 600;
        timeouts.copy = 43200;
        ssh.user = "deploy";
        ssh.authorizedKeys = [ "ssh-ed25519 AAAA ada" ];
      };
      hosts.web-2 = {
        system = "aarch64-linux";
        tags = [ "prod" ];
        roles = [ "base" ];
        confirmTimeout = 120;
        timeouts.answer = 600;
        timeouts.copy = 7200;
        ssh.user = "deploy";
        ssh.authorizedKeys = [ "ssh-ed25519 AAAA ada" ];
      };
    };
  };

  # A fact in `network.facts` takes precedence over a key of `network` with the same name.
  "modules read the facts of the short form, of any host" = {
    expr = withDefaults.intents.web-1.intent.files."/etc/where".text;
    expected = "a of facts.example.org, b at 10.0.1.12";
  };

  "nothing of it is refused" = {
    expr = nixfleet.report fleet;
    expected = null;
  };

  "what the inventory knows has its place" = {
    expr = lib.mapAttrs (_: host: {
      inherit (host)
        addr
        base
        ssh
        tags
        wol
        ;
    }) fleet.hosts;
    expected = {
      web-1 = {
        addr = "10.0.1.11";
        base = "nixos";
        ssh = {
          user = "deploy";
          port = 2222;
          hostKey = null;
          authorizedKeys = [ "ssh-ed25519 AAAA ada" ];
        };
        tags = [
          "web"
          "prod"
        ];
        wol.mac = "52:54:00:12:34:56";
      };
      web-2 = {
        addr = "web-2.example.org";
        base = "nixos";
        ssh = {
          user = "admin";
          port = 22;
          hostKey = null;
          authorizedKeys = [ ];
        };
        tags = [ ];
        wol.mac = "52:54:00:12:34:57";
      };
      web-3 = {
        addr = "web-3";
        base = "nixos";
        ssh = {
          user = "admin";
          port = 22;
          hostKey = null;
          authorizedKeys = [ ];
        };
        tags = [ ];
        wol.mac = null;
      };
      web-4 = {
        addr = "gate";
        base = "nixos";
        ssh = {
          user = "admin";
          port = 22;
          hostKey = "ssh-ed25519 BBBB";
          authorizedKeys = [ ];
        };
        tags = [ ];
        wol.mac = null;
      };
    };
  };

  "everything else is a fact that modules read" = {
    expr = {
      web-1 = fleet.hosts.web-1.facts;
      inherit (fleet.hosts.web-2.facts) domain rack;
    };
    expected = {
      web-1 = {
        hostname = "web-1";
        fqdn = "web-1.example.org";
        ip = "10.0.1.11/24";
        interfaces.eth0.mac = "52:54:00:12:34:56";
        ssh.publicKey = "ssh-ed25519 AAAA root@web-1";
        wol.interface = "eth0";
        deploy.enable = true;
        rack = "a";
        domain = "example.org";
        subnet = "10.0.1.0/24";
        gateway = "10.0.1.1";
        dns = [ "10.0.1.53" ];
        mtu = 9000;
      };
      # A fact of the host takes precedence over a fact of the network with the same name.
      domain = "test.example.org";
      rack = "b";
    };
  };

  "unknown keys are reported" = {
    expr = fleet.warnings;
    expected = map (text: "the argument `fleet` of mkFleet: ${text}") [
      "rack of hosts.web-1, hosts.web-2 is no key of the inventory: modules read it as host.facts.rack"
      "wol.interface of hosts.web-1 is no key of the inventory: modules read it as host.facts.wol.interface"
      "network.mtu is no key of defaults: modules read it as host.facts.mtu"
      "groups is no key of the inventory, and is ignored"
    ];
  };

  "a fact is the same from a module" = {
    expr =
      let
        fleet = nixfleet.evalFleet {
          modules = [
            {
              defaults.facts.domain = "example.org";
              hosts.web-1 = {
                addr = "web-1";
                facts.rack = "a";
                modules = [
                  (
                    { host, ... }:
                    {
                      nixfleet.files."/etc/where".text = "${host.facts.rack} ${host.facts.domain}";
                    }
                  )
                ];
              };
            }
          ];
        };
      in
      fleet.intents.web-1.intent.files."/etc/where".text;
    expected = "a example.org";
  };

  "a mistake in it is one, with its place" = {
    expr =
      map (problem: problem.option)
        (fleetOf {
          hosts.web-1 = {
            ip = "10.0.1.11";
            tags = "web";
            wol.mac = "none";
          };
          hosts.web-2 = "10.0.1.12";
          network.ssh.port = "22";
        }).problems;
    expected = [
      "hosts.web-1.tags"
      "hosts.web-1.wol.mac"
      "hosts.web-2"
      "defaults.ssh.port"
    ];
  };
}
