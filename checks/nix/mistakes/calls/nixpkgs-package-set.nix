{ inputs }:
{
  inherit inputs;
  # This package set is given by mistake instead of the nixpkgs flake. Mistakes elsewhere are still reported.
  nixpkgs = inputs.nixpkgs.legacyPackages.x86_64-linux // {
    inherit (inputs.nixpkgs) lib;
    callPackage = null;
  };
  modules = [ { host.web-1 = { }; } ];
}
