# The hosts of an inventory with the groups `web` and `db`. Replace this file with your own hosts:
#
#   nixfleet import ansible PATH/TO/INVENTORY --out hosts.nix --force
{
  defaults.ssh.user = "deploy";

  hosts.db-1 = {
    addr = "10.0.1.21";
    tags = [ "db" ];
  };

  hosts.web-1 = {
    addr = "10.0.1.11";
    tags = [ "web" ];
  };
}
