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
        defaultText = lib.literalMD "none, it must be given";
        description = "What the link points at: an absolute path, or one relative to the directory of the link. It need not exist.";
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
      Symbolic links on the host, by absolute path. A link is replaced in one step, and goes when it is no longer declared; what it
      points at is left alone. Nothing can be declared below a link. Parent directories that do not exist are created.
    '';
  };
}
