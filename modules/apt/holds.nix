# `nixfleet.apt.holds`: packages that keep their version.
{ lib, types }:
lib.mkOption {
  type = types.listOf types.packagePattern;
  default = [ ];
  example = [ "nvidia-driver-*" ];
  description = ''
    Packages that apt neither upgrades nor removes. A pattern applies to the packages that are installed when a change
    is applied. A hold that was there before is left alone when its package is no longer listed.
  '';
}
