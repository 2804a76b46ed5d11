{
  nixpkgs.overlays = [ ./overlay.nix ];
  nixpkgs.config = "allowUnfree";

  roles.tools =
    { pkgs, ... }:
    {
      nixfleet.packages = [ pkgs.unfree ];
    };
  defaults.roles = [ "tools" ];

  hosts.web-1 = {
    addr = "web-1";
    nixpkgs.config.allowBroken = true;
  };
  hosts.web-2 = {
    addr = "web-2";
    nixpkgs.overlays = [ "overlay" ];
    specialArgs.pkgs = { };
  };
  hosts.web-3 =
    { lib, ... }:
    {
      addr = "web-3";
      nixpkgs.config.allowBroken = true;
      pkgs = {
        inherit lib;
        callPackage = null;
        unfree = {
          type = "derivation";
          name = "unfree-1.0";
          meta.unfree = true;
          meta.available = false;
        };
      };
    };
  hosts.web-4.addr = "web-4";
  hosts.web-4.pkgs = ./nixpkgs;
}
