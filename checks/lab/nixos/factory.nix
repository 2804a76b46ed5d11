# The first system of a stand-in for a NixOS host. The folder is mounted beside the stand-in for nixpkgs.
let
  lib = import ../nixpkgs/lib;
  nixosSystem = import ../nixpkgs/nixos {
    inherit lib;
    packagesOf = system: import ../nixpkgs/packages { inherit system; };
  };
in
(nixosSystem {
  modules = [
    {
      networking.hostName = "factory";
      # All hosts have the same first system, and each resolves its own name.
      networking.hosts."127.0.0.2" = [
        "db-1"
        "db-2"
        "web-1"
        "web-2"
      ];
      nixpkgs.hostPlatform = "x86_64-linux";
      boot.loader.systemd-boot.enable = true;
    }
  ];
}).config.system.build.toplevel
