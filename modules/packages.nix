# `nixfleet.packages`: packages from Nix in the PATH of every user.
{ lib, types }:
{
  _file = ./packages.nix;

  options.nixfleet.packages = lib.mkOption {
    type = types.listOf types.package;
    default = [ ];
    example = lib.literalExpression "[ pkgs.htop pkgs.jq ]";
    description = ''
      Packages in the host's profile. Login shells search the profile before the directories of the distribution. A
      package that a file or a unit refers to is copied to the host automatically, and need not be listed here.
    '';
  };
}
