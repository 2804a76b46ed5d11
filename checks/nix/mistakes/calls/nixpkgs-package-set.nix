{ inputs }:
{
  inherit inputs;
  # Although this is not the flake of nixpkgs, the other mistakes are reported too.
  nixpkgs = inputs.nixpkgs.legacyPackages.x86_64-linux // {
    inherit (inputs.nixpkgs) lib;
    callPackage = null;
  };
  modules = [ { host.web-1 = { }; } ];
}
