# Returns NixFleet's own programs for a system, built with a package set.
pkgs: system:
let
  url = "https://github.com/nixfleet/nixfleet";

  # Adds the attributes that the packages of both programs share. They do not change the derivations.
  complete =
    package:
    let
      passthru = {
        tests.version = pkgs.testers.testVersion { inherit package; };
        updateScript = pkgs.nix-update-script { };
      };
    in
    package
    // passthru
    // {
      passthru = package.passthru or { } // passthru;
      meta = package.meta // {
        homepage = url;
        changelog = "${url}/blob/main/CHANGELOG.md";
        # Empty, because nobody who is listed in nixpkgs' `lib.maintainers` maintains this package yet.
        maintainers = [ ];
      };
    };
in
builtins.mapAttrs (_: complete) (
  {
    nixfleet = pkgs.callPackage ../cli/package.nix { };
  }
  // (
    if builtins.elem system (import ./systems.nix).hosts then
      { nixfleet-activate = pkgs.pkgsStatic.callPackage ../activator/package.nix { }; }
    else
      { }
  )
)
