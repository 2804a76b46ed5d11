# `defaults`: the values for hosts that do not set their own.
{ lib, types }:
let
  inherit (lib) mkOption;

  inherit (types.shared.defaults) rollout;

  # The rollout options. `default` describes the value that the command line uses for an option that the fleet
  # does not set.
  policy = import ./policy.nix {
    inherit lib types;
    default =
      name:
      {
        waves = "all hosts in one wave";
        canary = "none";
        soak = "no soak";
        maxParallel = toString rollout.maxParallel;
        maxFailures = toString rollout.maxFailures;
        order = "`\"${rollout.order}\"`";
        onFailure = "`\"${rollout.onFailure}\"`";
        spread = "none";
        unreachable = "`\"${rollout.unreachable}\"`";
      }
      .${name};
  };
in
{
  _file = ./defaults.nix;

  options.defaults = {
    base = mkOption {
      type = types.oneOf types.shared.choices.base;
      default = "ubuntu";
      example = "ubuntu";
      description = "The base of hosts that do not set `base`.";
    };
    system = mkOption {
      type = types.system;
      default = "x86_64-linux";
      example = "aarch64-linux";
      description = "The Nix system of hosts that do not set `system`.";
    };
    ssh.user = mkOption {
      type = types.loginName;
      default = "root";
      example = "deploy";
      description = "The SSH user of hosts that do not set `ssh.user`.";
    };
    ssh.port = mkOption {
      type = types.port;
      default = 22;
      example = 2222;
      description = "The SSH port of hosts that do not set `ssh.port`.";
    };
    ssh.authorizedKeys = mkOption {
      type = types.listOf types.publicKey;
      default = [ ];
      example = [
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGw1ZmlsbGVyZmlsbGVyZmlsbGVyZmlsbGVyZmlsbGVy ada"
      ];
      description = ''
        Public keys that may log in as the SSH user of every host. `nixfleet bootstrap` installs them on the hosts once,
        and the module `fleet-deploy-user` keeps them there.
      '';
    };
    facts = mkOption {
      type = types.facts;
      default = { };
      example = {
        domain = "example.org";
        dns = [ "10.0.0.53" ];
      };
      description = "Facts about all hosts. Modules read them as `host.facts`.";
    };
    rollout = policy // {
      confirmTimeout = mkOption {
        type = import ./confirm-timeout.nix { inherit types; };
        default = types.shared.defaults.confirmTimeout;
        example = "2m";
        description = ''
          How long a changed host waits to be reached over a new SSH connection before it rolls back by itself. `false`:
          the host keeps the change even if it can no longer be reached. A host overrides this value with its own
          `rollout.confirmTimeout`.
        '';
      };
    };
    timeouts = (import ./timeouts.nix { inherit lib types; }).ofDefaults;
    tags = mkOption {
      type = types.listOf types.tag;
      default = [ ];
      example = [ "prod" ];
      description = "Tags of every host.";
    };
    roles = mkOption {
      type = types.listOf types.label;
      default = [ ];
      example = [ "base" ];
      description = "Roles of every host.";
    };
    modules = mkOption {
      type = types.modules;
      default = [ ];
      example = lib.literalExpression "[ ./modules/base.nix ]";
      description = "Intent modules of every host. A host of the base `nixos` takes them together with its NixOS modules.";
    };
  };
}
