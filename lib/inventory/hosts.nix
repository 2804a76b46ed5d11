# `hosts.<name>`: the hosts of the fleet.
{ lib, types }:
let
  inherit (lib) mkOption;

  ssh = types.record {
    description = "a set with user, port, hostKey and authorizedKeys";
    fields = {
      user = mkOption {
        type = types.nullOr types.loginName;
        default = null;
        defaultText = lib.literalMD "the fleet's `defaults.ssh.user`";
        example = "deploy";
        description = "The user that `ssh` logs in as: root, or a user that may run `sudo` without a password.";
      };
      port = mkOption {
        type = types.nullOr types.port;
        default = null;
        defaultText = lib.literalMD "the fleet's `defaults.ssh.port`";
        example = 2222;
        description = "The TCP port of the SSH server.";
      };
      hostKey = mkOption {
        type = types.nullOr types.publicKey;
        default = null;
        example = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGw1ZmlsbGVyZmlsbGVyZmlsbGVyZmlsbGVyZmlsbGVy";
        description = ''
          The public key of the host, in the format of `known_hosts` without the host name. If it is set, no other key
          is accepted. Otherwise, the key in the file of `hostKeys` counts, and without it, your own `known_hosts` decides.
        '';
      };
      authorizedKeys = mkOption {
        type = types.listOf types.publicKey;
        default = [ ];
        example = [
          "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGw1ZmlsbGVyZmlsbGVyZmlsbGVyZmlsbGVyZmlsbGVy ada"
        ];
        description = ''
          Public keys that may log in as the SSH user, in addition to the keys in `defaults.ssh.authorizedKeys`.
          `nixfleet bootstrap` installs them on the host once, and the module `fleet-deploy-user` keeps them there.
        '';
      };
    };
  };

  rollout = types.record {
    description = "a set with confirmTimeout";
    fields.confirmTimeout = mkOption {
      type = types.nullOr (import ./confirm-timeout.nix { inherit types; });
      default = null;
      defaultText = lib.literalMD "the fleet's `defaults.rollout.confirmTimeout`";
      example = "2m";
      description = ''
        How long the host, after a change, waits to be reached over a new SSH connection before it rolls back by
        itself. `false`: the host keeps the change even if it can no longer be reached. `--confirm-timeout` and
        `--no-confirm` take precedence.
      '';
    };
  };

  wol = types.record {
    description = "a set with mac";
    fields.mac = mkOption {
      type = types.nullOr types.macAddress;
      default = null;
      example = "52:54:00:12:34:56";
      description = "The hardware address for Wake-on-LAN.";
    };
  };

  host = types.record {
    description = "a set that describes a host";
    elsewhere = {
      address = "addr";
      host = "addr";
      hostname = "addr";
      ip = "addr";
      targetHost = "addr";
      targetUser = [
        "ssh"
        "user"
      ];
      targetPort = [
        "ssh"
        "port"
      ];
      group = "tags";
      groups = "tags";
      labels = "tags";
      imports = "modules";
      config = "modules";
      nixfleet = "modules";
    };
    fields = (import ./package-sets.nix { inherit lib types; }).ofHost // {
      base = mkOption {
        type = types.nullOr (types.oneOf types.shared.choices.base);
        default = null;
        defaultText = lib.literalMD "the fleet's `defaults.base`";
        example = "ubuntu";
        description = ''
          The operating system of the host. `ubuntu` is for Ubuntu and Debian: NixFleet manages only what you declare,
          and the distribution stays in place. `nixos` is for NixOS: the modules of the host may also set the options of
          NixOS.
        '';
      };
      system = mkOption {
        type = types.nullOr types.system;
        default = null;
        defaultText = lib.literalMD "the fleet's `defaults.system`";
        example = "aarch64-linux";
        description = "The Nix system of the host. The packages of the host are built for it.";
      };
      addr = mkOption {
        type = types.address;
        example = "10.0.1.11";
        defaultText = lib.literalMD "none: the option must be set";
        description = "The name or address at which SSH reaches the host.";
      };
      ssh = mkOption {
        type = ssh;
        default = {
          user = null;
          port = null;
          hostKey = null;
          authorizedKeys = [ ];
        };
        example = {
          user = "deploy";
        };
        description = "How SSH reaches the host. Your own `ssh` configuration also applies.";
      };
      wol = mkOption {
        type = wol;
        default = {
          mac = null;
        };
        example = {
          mac = "52:54:00:12:34:56";
        };
        description = "How to wake the host. Modules can read this; NixFleet itself wakes no host.";
      };
      deployment = mkOption {
        type = import ./deployment.nix { inherit lib types; };
        default = {
          keys = { };
        };
        example = {
          keys = {
            token = {
              keyFile = "/home/ada/secrets/token";
            };
          };
        };
        description = "What the hive of the fleet tells colmena about this host. NixFleet itself ignores it.";
      };
      facts = mkOption {
        type = types.facts;
        default = { };
        example = {
          fqdn = "web-1.example.org";
          rack = "a";
        };
        description = ''
          Facts about the host. Modules read them as `host.facts`, and the facts of any host as `hosts.<name>.facts`. A
          fact of `defaults.facts` applies if the host has no fact of that name.
        '';
      };
      rollout = mkOption {
        type = rollout;
        default = {
          confirmTimeout = null;
        };
        example = {
          confirmTimeout = "2m";
        };
        description = "How changes are made on the host.";
      };
      timeouts = mkOption {
        type = types.nullOr (import ./timeouts.nix { inherit lib types; }).ofHost;
        default = null;
        defaultText = lib.literalMD "the fleet's `defaults.timeouts`";
        example = {
          copy = "12h";
        };
        description = ''
          Time limits for this host that differ from those of the fleet, for example because of a slow line or a slow
          boot.
        '';
      };
      tags = mkOption {
        type = types.listOf types.tag;
        default = [ ];
        example = [
          "web"
          "rack:a"
        ];
        description = ''
          Free labels of the host. `--tag web` and, in `--on`, `@web` select the hosts with the tag `web`. The tags of
          `defaults.tags` are added. `all`, `ubuntu` and `nixos` are groups that always exist, and cannot be used as
          tags. A tag such as `rack:a` means the value `a` in the dimension `rack`, which can be the `spread` of a
          rollout.
        '';
      };
      roles = mkOption {
        type = types.listOf types.label;
        default = [ ];
        example = [ "web" ];
        description = "The roles that the host plays: names of `roles`. The roles of `defaults.roles` are added.";
      };
      maintenance = mkOption {
        type = types.nullOr types.filledLine;
        default = null;
        example = "new disks, until Friday";
        description = "The reason why the host is left alone for now. An apply excludes the host and shows the reason.";
      };
      pin = mkOption {
        type = types.nullOr (import ./pin.nix { inherit lib types; });
        default = null;
        example = {
          generation = 12;
          reason = "kernel regression, ticket 4711";
          until = "2027-01-31";
        };
        description = ''
          Excludes the host from changes. An apply leaves the host as it is and shows the reason. `nixfleet rollback`
          ignores the pin.
        '';
      };
      specialArgs = mkOption {
        type = types.moduleArguments;
        default = { };
        example = {
          site = "berlin";
        };
        description = ''
          Further arguments of all modules of this host, in addition to `specialArgs` of `mkFleet`. In contrast to
          `_module.args`, modules can use them in `imports`.
        '';
      };
      modules = mkOption {
        type = types.modules;
        default = [ ];
        example = lib.literalExpression "[ ./hosts/web-1.nix ]";
        description = "Intent modules for this host alone, and NixOS modules if its base is `nixos`.";
      };
    };
  };
in
{
  _file = ./hosts.nix;

  options.hosts = mkOption {
    type = types.entries {
      description = "a set of hosts";
      key = types.hostName;
      keyExample = "web-1";
      correct = lib.replaceStrings [ "_" "." ] [ "-" "-" ];
      element = host;
    };
    default = { };
    example = {
      web-1 = {
        addr = "10.0.1.11";
        tags = [ "prod" ];
        roles = [ "web" ];
      };
    };
    description = "The hosts of the fleet by name.";
  };
}
