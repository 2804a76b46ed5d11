# The inventory: which hosts there are, how to reach them, and what they are for.
{
  # What holds for each host that does not say otherwise. This user must be root, or be allowed to run `sudo`
  # without a password.
  defaults.ssh.user = "deploy";

  # What a kind of host has stands in a file of its own.
  roles.web = ./roles/web.nix;

  hosts.web-1 = {
    base = "ubuntu"; # also Debian
    addr = "10.0.1.11"; # or a name, such as one of your ~/.ssh/config
    tags = [ "prod" ]; # selected with --tag prod
    roles = [ "web" ];
  };
}
