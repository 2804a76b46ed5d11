# Returns a nixpkgs as its flake would: `lib`, with `nixosSystem`, and `legacyPackages`. `path` is a
# directory, such as <nixpkgs>. For fleets without flakes.
path:
let
  lib = import (path + "/lib");
  evalConfig = path + "/nixos/lib/eval-config.nix";
in
{
  outPath = path;

  lib =
    lib
    // lib.optionalAttrs (builtins.pathExists evalConfig) {
      # `system` is null because the modules of a host set `nixpkgs.hostPlatform`.
      nixosSystem =
        given:
        import evalConfig (
          {
            inherit lib;
            system = null;
          }
          // given
        );
    };

  legacyPackages = lib.genAttrs lib.systems.flakeExposed (
    system:
    import path {
      inherit system;
      config = { };
      overlays = [ ];
    }
  );
}
