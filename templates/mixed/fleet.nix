# The inventory: an Ubuntu host and a NixOS host with the same role.
{
  # The SSH user of all hosts. This user must be root, or must be allowed to run `sudo` without a password.
  defaults.ssh.user = "deploy";

  # One host changes first. If it fails, the other host stays as it is.
  defaults.rollout.canary = 1;

  roles.web = ./roles/web.nix;

  hosts.web-1 = {
    base = "ubuntu"; # also for Debian
    addr = "10.0.1.11";
    tags = [ "prod" ]; # selected with --tag prod
    roles = [ "web" ];
  };

  hosts.web-2 = {
    base = "nixos";
    addr = "10.0.1.12";
    tags = [ "prod" ];
    roles = [ "web" ];
    # The modules of a NixOS host are NixOS modules.
    modules = [ ./hosts/web-2/configuration.nix ];
  };
}
