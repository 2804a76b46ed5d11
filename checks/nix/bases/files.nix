# Tests that compare declarations of files on an Ubuntu host and on a NixOS host. ./default.nix explains the
# form of a test.
{ declaredFiles, lib, ... }:
let
  # A file with as many options as possible set to a value that is not the default.
  elsewhere = {
    path = "/srv/app.conf";
    text = "x";
    source = null;
    mode = "0640";
    owner = "1000";
    group = "adm";
    restartUnits = [ "app.service" ];
    reloadUnits = [ "proxy.service" ];
    validate = [
      "/bin/check"
      "%s"
    ];
    onChange = [ "/bin/compile" ];
    onConflict = "backup";
  };

  # Returns the lines of a drop-in up to the first colon. So the fingerprint of a file, after the colon, is
  # left out.
  settings =
    text:
    map (line: lib.head (lib.splitString ":" line)) (
      lib.filter (line: line != "") (lib.splitString "\n" text)
    );
in
{
  "the files below /etc that the engine watches" = {
    module.nixfleet.files."/etc/app.conf" = {
      text = "x";
      mode = "440";
      owner = "1000";
    };
    ubuntu =
      intent: map (file: "${file.path} ${file.mode} ${file.owner} ${file.text}") (declaredFiles intent);
    onUbuntu = [ "/etc/app.conf 0440 1000 x" ];
    nixos =
      { engine, ... }:
      map (file: {
        inherit (file)
          path
          mode
          owner
          group
          ;
        isText = lib.hasInfix "etc-app.conf" file.source;
      }) engine.nixos.declared.files;
    onNixos = [
      {
        path = "/etc/app.conf";
        mode = "0440";
        owner = "1000";
        group = "root";
        isText = true;
      }
    ];
  };

  "a file below /etc" = {
    module.nixfleet.files."/etc/app/app.conf" = {
      text = "listen = 8080\n";
      mode = "640";
      owner = "1000";
      group = "adm";
    };
    ubuntu = intent: lib.getAttrs [ "text" "mode" "owner" "group" ] (lib.head (declaredFiles intent));
    onUbuntu = {
      text = "listen = 8080\n";
      mode = "0640";
      owner = "1000";
      group = "adm";
    };
    nixos =
      { config, engine, ... }:
      lib.getAttrs [ "text" "mode" "user" "group" ] config.environment.etc."app/app.conf"
      // {
        inherit (engine) files;
      };
    onNixos = {
      text = "listen = 8080\n";
      mode = "0640";
      user = "+1000";
      group = "adm";
      files = [ ];
    };
  };

  "a file below /etc with a source" = {
    module.nixfleet.files."/etc/app.nix".source = ./files.nix;
    ubuntu =
      intent: builtins.readFile (lib.head (declaredFiles intent)).source == builtins.readFile ./files.nix;
    onUbuntu = true;
    nixos =
      { config, ... }:
      builtins.readFile config.environment.etc."app.nix".source == builtins.readFile ./files.nix;
    onNixos = true;
  };

  "a file elsewhere" = {
    module.nixfleet.files."/srv/app.conf" = removeAttrs elsewhere [
      "path"
      "source"
    ];
    ubuntu = declaredFiles;
    onUbuntu = [ elsewhere ];
    nixos =
      { config, engine, ... }:
      {
        inherit (engine) files;
        etc = lib.filter (lib.hasSuffix "app.conf") (lib.attrNames config.environment.etc);
      };
    onNixos = {
      files = [ elsewhere ];
      etc = [ ];
    };
  };

  "units that a file below /etc restarts and reloads" = {
    module.nixfleet.files."/etc/app.conf" = {
      text = "x";
      restartUnits = [ "app.service" ];
      reloadUnits = [ "proxy.service" ];
    };
    ubuntu = intent: lib.getAttrs [ "restartUnits" "reloadUnits" ] (lib.head (declaredFiles intent));
    onUbuntu = {
      restartUnits = [ "app.service" ];
      reloadUnits = [ "proxy.service" ];
    };
    nixos = { dropIns, ... }: lib.mapAttrs (_: settings) dropIns;
    onNixos = {
      "etc/systemd/system/app.service.d/nixfleet-activation.conf" = [
        "[Unit]"
        "X-Restart-Triggers=/etc/app.conf"
      ];
      "etc/systemd/system/proxy.service.d/nixfleet-activation.conf" = [
        "[Unit]"
        "X-Reload-Triggers=/etc/app.conf"
      ];
    };
  };

  "commands of a file below /etc, and what it replaces" = {
    module.nixfleet.files."/etc/app.conf" = {
      text = "x";
      validate = [
        "/bin/check"
        "%s"
      ];
      onChange = [ "/bin/compile" ];
      onConflict = "adopt";
    };
    ubuntu =
      intent: lib.getAttrs [ "validate" "onChange" "onConflict" ] (lib.head (declaredFiles intent));
    onUbuntu = {
      validate = [
        "/bin/check"
        "%s"
      ];
      onChange = [ "/bin/compile" ];
      onConflict = "adopt";
    };
    nixos = _: null;
    onNixos = [
      "NixOS keeps no backup of /etc/app.conf"
      "NixOS runs no command for /etc/app.conf"
      "NixOS runs no command for /etc/app.conf"
    ];
  };
}
