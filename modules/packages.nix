# `nixfleet.packages`: packages from Nix in the PATH of every user.
{ lib, types }:
{
  _file = ./packages.nix;

  options.nixfleet.packages = lib.mkOption {
    type = types.listOf types.package;
    default = [ ];
    example = lib.literalExpression "[ pkgs.htop pkgs.jq ]";
    description = ''
      Packages in the host's profile, which login shells find before the distribution's own. A package that is only named
      in a file or a unit comes to the host by itself and need not stand here.
    '';
  };
}
