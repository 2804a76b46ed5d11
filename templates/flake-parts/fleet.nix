# The inventory: the hosts of the fleet, their addresses and their roles.
{
  # The SSH user of all hosts that do not set their own. This user must be root, or must be allowed to run
  # `sudo` without a password.
  defaults.ssh.user = "deploy";

  # A role: a module in its own file, which several hosts can share.
  roles.web = ./roles/web.nix;

  hosts.web-1 = {
    base = "ubuntu"; # also for Debian
    addr = "10.0.1.11"; # or a host name, or a `Host` of your ~/.ssh/config
    tags = [ "prod" ]; # selected with --tag prod
    roles = [ "web" ];
  };
}
