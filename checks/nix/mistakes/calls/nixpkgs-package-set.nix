{ inputs }:
{
  inherit inputs;
  # What is wrong besides is told too.
  nixpkgs = inputs.nixpkgs.legacyPackages.x86_64-linux // {
    inherit (inputs.nixpkgs) lib;
    callPackage = null;
  };
  modules = [ { host.web-1 = { }; } ];
}
