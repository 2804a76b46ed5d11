# `nixfleet.groups.<name>`: a group of the host.
{ lib, types }:
{
  _file = ./groups.nix;

  options.nixfleet.groups = lib.mkOption {
    type = types.entries {
      description = "a set of groups";
      key = types.accountName;
      keyExample = "app";
      correct = lib.toLower;
      element = types.record {
        description = "a set with gid";
        elsewhere.id = "gid";
        fields.gid = lib.mkOption {
          type = types.nullOr types.id;
          default = null;
          defaultText = lib.literalMD "chosen by the host";
          example = 990;
          description = "The numeric id of the group.";
        };
      };
    };
    default = { };
    example = {
      app = { };
    };
    description = ''
      Groups on the host. A group that already exists is used as it is. Groups are never removed, so that a group id
      is never used again.
    '';
  };
}
