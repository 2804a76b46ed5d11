{ inputs }:
{
  inherit inputs;
  nixpkgs = inputs.nixpkgs.lib;
  fleet.hosts.web-1.addr = "web-1";
}
