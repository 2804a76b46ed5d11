# NixFleet's own programs, made from a package set.
pkgs: system:
let
  url = "https://github.com/nixfleet/nixfleet";

  # Adds the attributes that both packages share. They do not change the derivation.
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
