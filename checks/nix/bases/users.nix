# Tests that compare declarations of users and groups on an Ubuntu host and on a NixOS host. ./default.nix
# explains the form of a test.
{ lib, ... }:
let
  onUbuntu =
    intent:
    removeAttrs (lib.head intent.users) [
      "name"
      "unstated"
    ]
    // {
      inherit (intent) groups;
      keys = map (file: "${file.path}: ${file.text}") (
        lib.filter (file: lib.hasPrefix "/etc/ssh/nixfleet-keys/" file.path) intent.files
      );
    };

  onNixos =
    name: config:
    lib.getAttrs [
      "isSystemUser"
      "isNormalUser"
      "uid"
      "group"
      "extraGroups"
      "home"
      "createHome"
      "useDefaultShell"
      "description"
    ] config.users.users.${name}
    // {
      inherit (config.users.users.${name}.openssh.authorizedKeys) keys;
      hasOwnGroup = config.users.groups ? ${name};
    };
in
{
  "a user for a service" = {
    module.nixfleet.users.app = { };
    ubuntu = onUbuntu;
    onUbuntu = {
      system = true;
      uid = null;
      group = "app";
      extraGroups = [ ];
      home = "/var/lib/app";
      createHome = false;
      shell = "/usr/sbin/nologin";
      description = "";
      groups = [ ];
      keys = [ ];
    };
    nixos =
      { config, engine, ... }:
      onNixos "app" config
      // {
        inherit (engine) users groups;
      };
    onNixos = {
      isSystemUser = true;
      isNormalUser = false;
      uid = null;
      group = "app";
      extraGroups = [ ];
      home = "/var/lib/app";
      createHome = false;
      useDefaultShell = false;
      description = "";
      keys = [ ];
      hasOwnGroup = true;
      users = [ ];
      groups = [ ];
    };
  };

  "a person" = {
    module.nixfleet.users.ada.system = false;
    ubuntu = onUbuntu;
    onUbuntu = {
      system = false;
      uid = null;
      group = "ada";
      extraGroups = [ ];
      home = "/home/ada";
      createHome = true;
      shell = "/bin/bash";
      description = "";
      groups = [ ];
      keys = [ ];
    };
    nixos = { config, ... }: onNixos "ada" config;
    onNixos = {
      isSystemUser = false;
      isNormalUser = true;
      uid = null;
      group = "ada";
      extraGroups = [ ];
      home = "/home/ada";
      createHome = true;
      # On NixOS, the user gets the shell that the NixOS option users.defaultUserShell sets.
      useDefaultShell = true;
      description = "";
      keys = [ ];
      hasOwnGroup = true;
    };
  };

  "a person with a value in every field" = {
    module.nixfleet = {
      users.ada = {
        system = false;
        uid = 1001;
        group = "team";
        extraGroups = [ "adm" ];
        home = "/srv/ada";
        createHome = false;
        shell = "/run/current-system/sw/bin/zsh";
        description = "Ada Lovelace";
        openssh.authorizedKeys = [ "ssh-ed25519 AAAA ada" ];
      };
      groups.team.gid = 1100;
    };
    ubuntu = onUbuntu;
    onUbuntu = {
      system = false;
      uid = 1001;
      group = "team";
      extraGroups = [ "adm" ];
      home = "/srv/ada";
      createHome = false;
      shell = "/run/current-system/sw/bin/zsh";
      description = "Ada Lovelace";
      groups = [
        {
          name = "team";
          gid = 1100;
        }
      ];
      keys = [ "/etc/ssh/nixfleet-keys/ada: ssh-ed25519 AAAA ada\n" ];
    };
    nixos =
      { config, ... }:
      onNixos "ada" config
      // {
        inherit (config.users.users.ada) shell;
        inherit (config.users.groups.team) gid;
      };
    onNixos = {
      isSystemUser = false;
      isNormalUser = true;
      uid = 1001;
      group = "team";
      extraGroups = [ "adm" ];
      home = "/srv/ada";
      createHome = false;
      useDefaultShell = true;
      shell = "/run/current-system/sw/bin/zsh";
      description = "Ada Lovelace";
      keys = [ "ssh-ed25519 AAAA ada" ];
      hasOwnGroup = false;
      gid = 1100;
    };
  };

  "a user for a service with a home and a shell" = {
    module.nixfleet.users.app = {
      group = "adm";
      home = "/srv/app";
      createHome = true;
      shell = "/bin/sh";
    };
    ubuntu = intent: lib.getAttrs [ "group" "home" "createHome" "shell" ] (onUbuntu intent);
    onUbuntu = {
      group = "adm";
      home = "/srv/app";
      createHome = true;
      shell = "/bin/sh";
    };
    nixos =
      { config, ... }:
      lib.getAttrs [ "group" "home" "createHome" "shell" "isSystemUser" ] config.users.users.app;
    onNixos = {
      group = "adm";
      home = "/srv/app";
      createHome = true;
      shell = "/bin/sh";
      isSystemUser = true;
    };
  };

  "the keys of root" = {
    module.nixfleet.users.root.openssh.authorizedKeys = [ "ssh-ed25519 AAAA root" ];
    ubuntu =
      intent:
      map (file: file.path) (
        lib.filter (file: lib.hasPrefix "/etc/ssh/nixfleet-keys/" file.path) intent.files
      );
    onUbuntu = [ "/etc/ssh/nixfleet-keys/root" ];
    nixos =
      { config, ... }:
      lib.getAttrs [ "uid" "home" ] config.users.users.root
      // {
        inherit (config.users.users.root.openssh.authorizedKeys) keys;
      };
    onNixos = {
      uid = 0;
      home = "/root";
      keys = [ "ssh-ed25519 AAAA root" ];
    };
  };
}
