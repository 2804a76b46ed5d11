# A fleet of simulated hosts. The inputs are on the operator's machine of the lab.
{
  inputs = {
    nixpkgs.url = "path:/srv/nixpkgs";
    nixfleet.url = "path:/srv/nixfleet";
    nixfleet.inputs.nixpkgs.follows = "nixpkgs";
    prebuilt.url = "path:/srv/prebuilt";
    prebuilt.flake = false;
  };

  outputs =
    { nixfleet, nixpkgs, ... }@inputs:
    nixfleet.lib.mkFleet {
      inherit inputs nixpkgs;
      modules = [
        ./fleet.nix
        { activator.x86_64-linux = "${inputs.prebuilt}/bin/nixfleet-activate"; }
      ];
    };
}
