# The inventory: the hosts of the fleet, their addresses and their roles.
{
  # The default for hosts that do not set their own user. This user must be root, or be allowed to run `sudo`
  # without a password.
  defaults.ssh.user = "deploy";

  # A role, which is a module in its own file.
  roles.web = ./roles/web.nix;

  hosts.web-1 = {
    base = "ubuntu"; # also Debian
    addr = "10.0.1.11"; # or a host name, or a `Host` of your ~/.ssh/config
    tags = [ "prod" ]; # selected with --tag prod
    roles = [ "web" ];
  };
}
