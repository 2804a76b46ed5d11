# `defaults`: the values for hosts that do not set their own.
{ lib, types }:
let
  inherit (lib) mkOption;

  inherit (types.shared.defaults) rollout;

  # Describes the defaults that the command line uses where the fleet sets none.
  policy = import ./policy.nix {
    inherit lib types;
    default =
      name:
      {
        waves = "all hosts in one wave";
        canary = "none";
        soak = "not at all";
        maxParallel = toString rollout.maxParallel;
        maxFailures = toString rollout.maxFailures;
        order = "`\"${rollout.order}\"`";
        onFailure = "`\"${rollout.onFailure}\"`";
        spread = "over nothing";
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
      description = "The base of hosts that name none.";
    };
    system = mkOption {
      type = types.system;
      default = "x86_64-linux";
      example = "aarch64-linux";
      description = "The Nix system of hosts that name none.";
    };
    ssh.user = mkOption {
      type = types.loginName;
      default = "root";
      example = "deploy";
      description = "The SSH user of hosts that name none.";
    };
    ssh.port = mkOption {
      type = types.port;
      default = 22;
      example = 2222;
      description = "The SSH port of hosts that name none.";
    };
    ssh.authorizedKeys = mkOption {
      type = types.listOf types.publicKey;
      default = [ ];
      example = [
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGw1ZmlsbGVyZmlsbGVyZmlsbGVyZmlsbGVyZmlsbGVy ada"
      ];
      description = "Public keys that may log in as the SSH user of every host, for the module `fleet-deploy-user`.";
    };
    facts = mkOption {
      type = types.facts;
      default = { };
      example = {
        domain = "example.org";
        dns = [ "10.0.0.53" ];
      };
      description = "What modules may want to know of every host, as `host.facts`.";
    };
    rollout = policy // {
      confirmTimeout = mkOption {
        type = import ./confirm-timeout.nix { inherit types; };
        default = types.shared.defaults.confirmTimeout;
        example = "2m";
        description = ''
          How long a changed host waits to be reached over a new SSH connection before it goes back by itself, for hosts that
          do not say otherwise. `false`: they keep a change even where they cannot be reached any more.
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
  };
}
