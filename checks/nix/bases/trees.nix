# Tests that compare declarations of directories and absent paths on an Ubuntu host and on a NixOS host.
# ./default.nix explains the form of a test.
{ declaredFiles, ... }:
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

  "paths of an account that the same change creates" = {
    module.nixfleet = {
      users.app.group = "operator";
      groups.operator = { };
      directories."/srv/app".owner = "app";
      files."/srv/app/token" = {
        text = "x";
        group = "operator";
      };
    };
    ubuntu = intent: {
      users = map (user: "${user.name}:${user.group}") intent.users;
      groups = map (group: group.name) intent.groups;
      directories = map (directory: directory.owner) intent.directories;
      files = map (file: file.group) (declaredFiles intent);
    };
    onUbuntu = {
      users = [ "app:operator" ];
      groups = [ "operator" ];
      directories = [ "app" ];
      files = [ "operator" ];
    };
    nixos =
      { config, engine, ... }:
      {
        inherit (engine.nixos) accounts;
        group = config.users.users.app.group or null;
        deps = config.system.activationScripts.nixfleet-owners.deps or null;
      };
    onNixos = {
      accounts = {
        users = [ "app" ];
        groups = [ "operator" ];
      };
      group = "operator";
      deps = [
        "users"
        "groups"
      ];
    };
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
