# `tags.<name>`: settings for the hosts that carry a tag.
{ lib, types }:
let
  inherit (lib) mkOption;

  policy = import ./policy.nix {
    inherit lib types;
    default = name: "the fleet's `defaults.rollout.${name}`";
  };

  tag = types.record {
    description = "a set that says what holds for a tag";
    fields = {
      maxDown = mkOption {
        type = types.nullOr (types.amountFrom 1);
        default = null;
        defaultText = lib.literalMD "any number";
        example = "25%";
        description = ''
          How many hosts with this tag may be down or changing at once: a number, or a part of all hosts with the tag, which
          is rounded down, though one always may. A host that failed or does not answer is down until somebody mends it.
        '';
      };
      before = mkOption {
        type = types.listOf types.tag;
        default = [ ];
        example = [ "web" ];
        description = ''
          Tags whose hosts are changed after those with this tag. Canaries, which are chosen by hand, keep to it among
          themselves.
        '';
      };
      rollout = mkOption {
        type = types.record {
          description = "a set that says how changes go through a selection";
          fields = policy;
        };
        default = lib.mapAttrs (_: _: null) policy;
        defaultText = lib.literalMD "the fleet's `defaults.rollout`";
        example = {
          canary = 1;
          soak = "10m";
        };
        description = ''
          How changes go through a selection in which every host carries this tag. Of several such tags, the last by name
          has the last word.
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
    description = "What holds for the hosts that carry a tag, by the tag.";
  };
}
