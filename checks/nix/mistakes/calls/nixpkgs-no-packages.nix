{ inputs }:
{
  inherit inputs;
  nixpkgs = { inherit (inputs.nixpkgs) lib; };
  fleet.hosts.web-1.addr = "web-1";
}
