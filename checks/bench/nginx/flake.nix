# Two hosts with nginx from apt, to measure how long a first apply takes. The inputs are on the operator's
# machine of the lab.
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
        {
          defaults.ssh.user = "deploy";
          roles.site = ./site.nix;
          hosts.host-01 = {
            addr = "host-01";
            roles = [ "site" ];
          };
          activator.x86_64-linux = "${inputs.prebuilt}/bin/nixfleet-activate";
        }
      ];
    };
}
