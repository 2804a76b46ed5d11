{ inputs }:
{
  inherit inputs;
  module = [ ];
  modules = ../inventory.nix;
  hosts.web-1.addr = "web-1";
  roles = { };
  specialArg = { };
  overlays = [ ];
  fleet = "fleet.nix";
  hostConfigurations = [ ];
  other = true;
}
