# Tests that compare declarations of directories and absent paths on an Ubuntu host and on a NixOS host.
# ./default.nix explains the form of a test.
_:
let
  directories = [
    {
      path = "/etc/app";
      mode = "0755";
      owner = "root";
      group = "root";
    }
    {
      path = "/srv/app";
      mode = "0750";
      owner = "1000";
      group = "adm";
    }
  ];
  absent = [
    {
      path = "/etc/motd.d";
      recursive = true;
      restartUnits = [ "app.service" ];
      reloadUnits = [ "proxy.service" ];
      onConflict = "adopt";
    }
    {
      path = "/srv/old";
      recursive = false;
      restartUnits = [ ];
      reloadUnits = [ ];
      onConflict = "backup";
    }
  ];
in
{
  "directories" = {
    module.nixfleet.directories = {
      "/etc/app" = { };
      "/srv/app" = {
        mode = "750";
        owner = "1000";
        group = "adm";
      };
    };
    ubuntu = intent: intent.directories;
    onUbuntu = directories;
    nixos = { engine, ... }: engine.directories;
    onNixos = directories;
  };

  "absent paths" = {
    module.nixfleet.absent = {
      "/etc/motd.d" = {
        recursive = true;
        restartUnits = [ "app.service" ];
        reloadUnits = [ "proxy.service" ];
        onConflict = "adopt";
      };
      "/srv/old" = { };
    };
    ubuntu = intent: intent.absent;
    onUbuntu = absent;
    nixos = { engine, ... }: engine.absent;
    onNixos = absent;
  };
}
