# Tests of the packages in the Intent document.
{
  declaredFiles,
  document,
  lib,
  ...
}:
let
  intent = document [ ({ pkgs, ... }: { nixfleet.packages = [ pkgs.hello ]; }) ];
in
{
  "a package has its name, its version and its place" = {
    expr = map (
      package:
      lib.getAttrs [ "name" ] package
      // {
        version = package.version != "";
        path = lib.hasPrefix builtins.storeDir package.path;
      }
    ) intent.packages;
    expected = [
      {
        name = "hello";
        version = true;
        path = true;
      }
    ];
  };

  "packages make a profile, which login shells find" = {
    expr = [
      (lib.hasSuffix "-nixfleet-host-packages" intent.profile)
      (map (file: file.path) (declaredFiles intent))
    ];
    expected = [
      true
      [ "/etc/profile.d/nixfleet.sh" ]
    ];
  };

  "a host without packages has no profile" = {
    expr = lib.getAttrs [ "profile" "packages" ] (document [ ]) // {
      files = declaredFiles (document [ ]);
    };
    expected = {
      profile = null;
      packages = [ ];
      files = [ ];
    };
  };
}
