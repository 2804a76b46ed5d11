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
        description = "The user that `ssh` logs in as: root, or one that may run `sudo` without a password.";
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
          The public key of the host, as in `known_hosts` without the host. When given, no other key is accepted.
          Otherwise your own `known_hosts` decides.
        '';
      };
      authorizedKeys = mkOption {
        type = types.listOf types.publicKey;
        default = [ ];
        example = [
          "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGw1ZmlsbGVyZmlsbGVyZmlsbGVyZmlsbGVyZmlsbGVy ada"
        ];
        description = ''
          Public keys that may log in as the SSH user. Those of `defaults.ssh.authorizedKeys` are added. NixFleet itself
          does nothing with them: the module `fleet-deploy-user` puts them on the host.
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
        How long the host, once changed, waits to be reached over a new SSH connection before it goes back by itself.
        `false`: it keeps the change in any case. `--confirm-timeout` and `--no-confirm` have the last word.
      '';
    };
  };

  wol = types.record {
    description = "a set with mac";
    fields.mac = mkOption {
      type = types.nullOr types.macAddress;
      default = null;
      example = "52:54:00:12:34:56";
      description = "The hardware address that wakes the host (Wake-on-LAN).";
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
    fields = {
      base = mkOption {
        type = types.nullOr (types.oneOf types.shared.choices.base);
        default = null;
        defaultText = lib.literalMD "the fleet's `defaults.base`";
        example = "ubuntu";
        description = ''
          What runs on the host: `ubuntu` for Ubuntu and Debian, where the distribution stays and NixFleet manages what
          you declare; `nixos` for NixOS, where the host's modules may have NixOS's own options too.
        '';
      };
      system = mkOption {
        type = types.nullOr types.system;
        default = null;
        defaultText = lib.literalMD "the fleet's `defaults.system`";
        example = "aarch64-linux";
        description = "The Nix system of the host, which decides what its packages are built for.";
      };
      addr = mkOption {
        type = types.address;
        example = "10.0.1.11";
        defaultText = lib.literalMD "none, it must be given";
        description = "Where SSH reaches the host: a name or an address.";
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
        description = "How SSH reaches the host. Your own `ssh` configuration applies on top.";
      };
      wol = mkOption {
        type = wol;
        default = {
          mac = null;
        };
        example = {
          mac = "52:54:00:12:34:56";
        };
        description = "How the host is woken. Modules read it; NixFleet itself wakes no host.";
      };
      facts = mkOption {
        type = types.facts;
        default = { };
        example = {
          fqdn = "web-1.example.org";
          rack = "a";
        };
        description = ''
          What modules may want to know of the host: they read it as `host.facts`, and as `hosts.<name>.facts` of any
          host. A fact of `defaults.facts` holds for a host that has none of that name.
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
        description = "How changes come to the host.";
      };
      timeouts = mkOption {
        type = types.nullOr (import ./timeouts.nix { inherit lib types; }).ofHost;
        default = null;
        defaultText = lib.literalMD "the fleet's `defaults.timeouts`";
        example = {
          copy = "12h";
        };
        description = "How long is waited for the host, where that is not what the fleet says: for a slow line, or a slow boot.";
      };
      tags = mkOption {
        type = types.listOf types.tag;
        default = [ ];
        example = [
          "web"
          "rack:a"
        ];
        description = ''
          Free labels, selected with `--tag` and, in `--on`, with `@tag`. Those of `defaults.tags` are added. `all`, `ubuntu`
          and `nixos` are groups that exist always, and no tags. A label such as
          `rack:a` is the value `a` in the dimension `rack`, over which `spread` spreads.
        '';
      };
      roles = mkOption {
        type = types.listOf types.label;
        default = [ ];
        example = [ "web" ];
        description = "The roles that the host plays, by name in `roles`. Those of `defaults.roles` are added.";
      };
      maintenance = mkOption {
        type = types.nullOr types.filledLine;
        default = null;
        example = "new disks, until Friday";
        description = "Why the host is left alone for now. An apply leaves it out and shows why.";
      };
      pin = mkOption {
        type = types.nullOr (import ./pin.nix { inherit lib types; });
        default = null;
        example = {
          generation = 12;
          reason = "kernel regression, ticket 4711";
          until = "2027-01-31";
        };
        description = "Keeps the host as it is. An apply leaves it out and shows why; a rollback of this host does not ask.";
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
