{ inputs }:
{
  inherit inputs;
  nixpkgs = {
    inherit (inputs.nixpkgs) legacyPackages lib;
  };
  modules = [
    {
      nixpkgs.config.allowUnfree = true;
      hosts.web-1.addr = "web-1";
      hosts.web-2.addr = "web-2";
      hosts.web-2.nixpkgs.overlays = [ (_: _: { }) ];
    }
  ];
}
