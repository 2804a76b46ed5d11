# A NixOS module with the options that every host has to set, so that the real NixOS accepts the hosts of the
# tests. The stand-in for NixOS does not have these options.
{ lib, ... }:
{
  fileSystems."/" = {
    device = "/dev/vda1";
    fsType = "ext4";
  };
  boot.loader.grub.device = lib.mkDefault "/dev/vda";
  system.stateVersion = lib.mkDefault lib.trivial.release;
}
