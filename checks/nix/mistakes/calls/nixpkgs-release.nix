{ inputs }:
{
  inherit inputs;
  nixpkgs = inputs.nixpkgs // {
    lib = import ./nixpkgs-22.05/lib;
  };
  fleet.hosts.web-1.addr = "web-1";
}
