{ inputs }:
{
  inherit inputs;
  module = [ ];
  modules = ../inventory.nix;
  hosts.web-1.addr = "web-1";
  roles = { };
  specialArgs = { };
  fleet = "fleet.nix";
  hostConfigurations = [ ];
  other = true;
}
