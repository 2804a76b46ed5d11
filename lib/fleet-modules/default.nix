# Modules that hosts may import: the names of all hosts, and the user that deploys.
{ generateHosts }:
let
  hosts = import ./fleet-hosts.nix { inherit generateHosts; };
  deployUser = import ./fleet-deploy-user.nix;
in
{
  # For hosts of the fleet, whatever their base.
  intent = {
    fleet-hosts = hosts.intent;
    fleet-deploy-user = deployUser.intent;
  };

  # For any NixOS, such as the operator's own machine.
  nixos = fleet: {
    fleet-hosts = hosts.nixos fleet;
    fleet-deploy-user = deployUser.nixos fleet;
  };
}
