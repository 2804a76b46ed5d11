# Rows about packages.
{ lib, ... }:
{
  "packages" = {
    module =
      { pkgs, ... }:
      {
        nixfleet.packages = [ pkgs.hello ];
      };
    ubuntu = intent: map (package: package.name) intent.packages;
    onUbuntu = [ "hello" ];
    nixos =
      { config, engine, ... }:
      {
        system = lib.filter (lib.hasPrefix "hello") (map lib.getName config.environment.systemPackages);
        inherit (engine) packages profile;
      };
    onNixos = {
      system = [ "hello" ];
      packages = [ ];
      profile = null;
    };
  };
}
