{ inputs }:
{
  inherit inputs;
  # The other mistakes are reported too.
  nixpkgs = inputs.nixpkgs.legacyPackages.x86_64-linux // {
    inherit (inputs.nixpkgs) lib;
    callPackage = null;
  };
  modules = [ { host.web-1 = { }; } ];
}
