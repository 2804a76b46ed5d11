# `nixfleet.links.<path>`: a symbolic link at this path, with its target.
{ lib, types }:
let
  inherit (lib) mkOption;

  link = types.record {
    description = "a set with target";
    elsewhere = {
      source = "target";
      src = "target";
      to = "target";
      path = "target";
      destination = "target";
      force = "onConflict";
    };
    fields = {
      target = mkOption {
        type = types.linkTarget;
        example = "/opt/app/releases/42";
        defaultText = lib.literalMD "none: the option must be set";
        description = ''
          The path that the link points to: an absolute path, or a path relative to the directory of the link. The
          target need not exist.
        '';
      };
      onConflict = mkOption {
        type = types.onConflict;
        default = "fail";
        example = "backup";
        description = types.onConflictDescription "link";
      };
    };
  };
in
{
  _file = ./links.nix;

  options.nixfleet.links = mkOption {
    type = types.entries {
      description = "a set of symbolic links by path";
      key = types.managedPath;
      keyExample = "/opt/app/current";
      correct = types.correctPath;
      element = link;
    };
    default = { };
    example = {
      "/opt/app/current".target = "/opt/app/releases/42";
    };
    description = ''
      Symbolic links on the host, by absolute path. A link is replaced atomically. A link that is no longer declared
      is removed; its target is left alone. Nothing can be declared below a link. Missing parent directories are
      created.
    '';
  };
}
