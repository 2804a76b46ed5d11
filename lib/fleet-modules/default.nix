# Two modules: `fleet-hosts` adds the names of all hosts to /etc/hosts, and `fleet-deploy-user` declares the
# SSH user as which NixFleet logs in.
{ generateHosts }:
let
  hosts = import ./fleet-hosts.nix { inherit generateHosts; };
  deployUser = import ./fleet-deploy-user.nix;
in
{
  # Modules for hosts of the fleet, on any base.
  intent = {
    fleet-hosts = hosts.intent;
    fleet-deploy-user = deployUser.intent;
  };

  # Modules for any NixOS machine, such as the operator's machine.
  nixos = fleet: {
    fleet-hosts = hosts.nixos fleet;
    fleet-deploy-user = deployUser.nixos fleet;
  };
}
