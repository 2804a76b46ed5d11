# `roles.<name>`: modules that several hosts share.
{ lib, types }:
{
  _file = ./roles.nix;

  options.roles = lib.mkOption {
    type = types.entries {
      description = "a set of modules";
      key = types.label;
      keyExample = "web";
      element = types.module;
    };
    default = { };
    example = lib.literalExpression "{ web = ./roles/web.nix; }";
    description = ''
      Intent modules by role name. A host has what its roles say, and its own modules may add to that or change it with
      `lib.mkForce`.
    '';
  };
}
