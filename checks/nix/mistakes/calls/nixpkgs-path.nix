{ inputs }:
{
  inherit inputs;
  nixpkgs = ./nixpkgs;
  fleet.hosts.web-1.addr = "web-1";
}
