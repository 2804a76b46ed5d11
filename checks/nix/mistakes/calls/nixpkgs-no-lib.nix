{ inputs }:
{
  inherit inputs;
  nixpkgs.outPath = "/nix/store/x";
  fleet.hosts.web-1.addr = "web-1";
}
