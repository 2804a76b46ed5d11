# Returns a nixpkgs in the form in which its flake has it: `lib`, with `nixosSystem`, and `legacyPackages`.
# `path` is the directory of nixpkgs, such as <nixpkgs>. Fleets without flakes use this.
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
      # `system` is null, because the modules of a NixOS host set `nixpkgs.hostPlatform` instead.
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
