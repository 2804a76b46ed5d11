# Tests of the version and source of nixpkgs in a hive. The NixOS options for these values exist only in the
# real NixOS. The tests declare these options themselves, so they can run only with the stand-in for NixOS.
{
  lib,
  nixfleet,
  nixpkgs,
  prebuilt,
  ...
}:
{
  "nodes of a hive have the version and the source of the fleet's nixpkgs" = {
    expr =
      let
        outputs = nixfleet.mkFleet {
          nixpkgs = nixpkgs // {
            outPath = "/nixpkgs";
            lib = nixpkgs.lib // {
              trivial = lib.trivial // {
                versionSuffix = ".20240901.1234567";
                revisionWithDefault = _: "1234567";
              };
            };
          };
          modules = [
            prebuilt
            {
              hosts.db-1.addr = "db-1";
              hosts.db-1.base = "nixos";
            }
          ];
        };
        declared.options = {
          deployment = lib.mkOption { type = lib.types.raw; };
          nixpkgs.flake.source = lib.mkOption { default = null; };
          system.nixos.versionSuffix = lib.mkOption { default = "pre-git"; };
          system.nixos.revision = lib.mkOption { default = null; };
        };
        node = nixpkgs.lib.nixosSystem {
          modules = outputs.colmena.db-1 ++ [ declared ];
          specialArgs.name = "db-1";
        };
      in
      {
        inherit (node.config.nixpkgs.flake) source;
        inherit (node.config.system.nixos) versionSuffix revision;
      };
    expected = {
      source = "/nixpkgs";
      versionSuffix = ".20240901.1234567";
      revision = "1234567";
    };
  };
}
