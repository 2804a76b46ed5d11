# Two modules: `fleet-hosts` for the names of all hosts, and `fleet-deploy-user` for the user that deploys.
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

  # Modules for any NixOS machine, such as the operator's own.
  nixos = fleet: {
    fleet-hosts = hosts.nixos fleet;
    fleet-deploy-user = deployUser.nixos fleet;
  };
}
