# `activator` and `cli`: prebuilt programs of NixFleet, to use instead of programs that Nix builds from
# source.
{ lib, types }:
let
  bySystem =
    element:
    types.entries {
      description = "a set of programs by Nix system";
      key = types.system;
      keyExample = "x86_64-linux";
      inherit element;
    };
in
{
  _file = ./programs.nix;

  options.activator = lib.mkOption {
    type = bySystem types.fileSource;
    default = { };
    defaultText = lib.literalMD "`nixfleet-activate` of NixFleet's own packages";
    example = lib.literalExpression "{ x86_64-linux = ./prebuilt/nixfleet-activate; }";
    description = ''
      The statically linked activator for each Nix system, as a file. It builds the host closures, and runs on the
      hosts.
    '';
  };

  options.cli = lib.mkOption {
    type = bySystem types.fileSource;
    default = { };
    defaultText = lib.literalMD "`nixfleet` of NixFleet's own packages";
    example = lib.literalExpression "{ x86_64-linux = ./prebuilt; }";
    description = ''
      The command-line program for each Nix system, for `nix run .#plan` and similar commands. It is a directory
      with `bin/nixfleet` and its links `bin/nixfleet-plan`, `bin/nixfleet-apply` and so on.
    '';
  };
}
