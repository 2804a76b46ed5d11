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
      Intent modules, by the name of the role. A host gets the configuration of all its roles. The modules of the
      host itself can add to this configuration, or override it with `lib.mkForce`.
    '';
  };
}
