# The NixOS configuration of web-2. Replace it with the configuration of your host. The inventory sets the
# name of the host.
{
  imports = [ ./hardware-configuration.nix ];

  boot.loader.systemd-boot.enable = true;

  # NixFleet logs in as this user.
  users.users.deploy = {
    isNormalUser = true;
    extraGroups = [ "wheel" ];
    openssh.authorizedKeys.keys = [
      # Replace this key with your own.
      "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGw1ZmlsbGVyZmlsbGVyZmlsbGVyZmlsbGVyZmlsbGVy ada"
    ];
  };
  security.sudo.wheelNeedsPassword = false;
  services.openssh.enable = true;

  system.stateVersion = "25.11";
}
