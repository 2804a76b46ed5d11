# The NixOS module of the host: of the system that boots first, and of the systems that NixFleet activates.
{
  lib,
  options,
  ...
}:
{
  config = lib.mkMerge [
    {
      services.openssh.enable = true;
      # QEMU boots the kernel of the machine itself, from a disk without a boot loader.
      boot.loader.grub.enable = false;
      networking.firewall.enable = false;
      documentation.enable = false;
      nix.settings.substituters = lib.mkForce [ ];
      system.stateVersion = lib.trivial.release;
      virtualisation.writableStore = true;
    }
    # Newer releases of NixOS leave out the program that switches a system in tests. Older releases do not
    # have the option.
    (lib.optionalAttrs (options ? system.switch.enable) { system.switch.enable = true; })
  ];
}
