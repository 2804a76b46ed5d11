# `tags.<name>`: settings for the hosts that have the tag `<name>`.
{ lib, types }:
let
  inherit (lib) mkOption;

  policy = import ./policy.nix {
    inherit lib types;
    default = name: "the fleet's `defaults.rollout.${name}`";
  };

  tag = types.record {
    description = "a set with the settings of a tag";
    fields = {
      maxDown = mkOption {
        type = types.nullOr (types.amountFrom 1);
        default = null;
        defaultText = lib.literalMD "no limit";
        example = "25%";
        description = ''
          Maximum number of hosts with this tag that may be down or changing at the same time: a number of hosts, or a
          percentage of all hosts with the tag. A percentage is rounded down, but to at least one host. A host that
          failed or does not answer counts as down until it is repaired.
        '';
      };
      before = mkOption {
        type = types.listOf types.tag;
        default = [ ];
        example = [ "web" ];
        description = ''
          Tags whose hosts change after the hosts with this tag. Canaries are chosen by hand, so this order applies only
          among the canaries themselves, and not between canaries and other hosts.
        '';
      };
      rollout = mkOption {
        type = types.record {
          description = "a set of rollout options";
          fields = policy;
        };
        default = lib.mapAttrs (_: _: null) policy;
        defaultText = lib.literalMD "the fleet's `defaults.rollout`";
        example = {
          canary = 1;
          soak = "10m";
        };
        description = ''
          Rollout options for a selection in which every host carries this tag. If several such tags set the same
          option, the last of these tags by name takes precedence.
        '';
      };
    };
  };
in
{
  _file = ./tags.nix;

  options.tags = mkOption {
    type = types.entries {
      description = "a set of tags";
      key = types.tag;
      keyExample = "db";
      element = tag;
    };
    default = { };
    example = {
      db = {
        maxDown = 1;
        before = [ "web" ];
      };
    };
    description = "Settings for the hosts that carry a tag, by the name of the tag.";
  };
}
