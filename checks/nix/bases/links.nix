# Tests that compare declarations of links on an Ubuntu host and on a NixOS host. ./default.nix explains the
# form of a test.
{ lib, ... }:
{
  "links below /etc and elsewhere" = rec {
    module.nixfleet.links = {
      "/etc/app/current".target = "/opt/app/releases/42";
      "/opt/app/current" = {
        target = "releases/42";
        onConflict = "backup";
      };
    };
    ubuntu = intent: intent.links;
    onUbuntu = [
      {
        path = "/etc/app/current";
        target = "/opt/app/releases/42";
        onConflict = "fail";
      }
    ]
    ++ onNixos.engine;
    nixos =
      { config, engine, ... }:
      {
        etc = lib.getAttrs [ "source" "mode" ] config.environment.etc."app/current";
        engine = engine.links;
      };
    onNixos = {
      etc = {
        source = "/opt/app/releases/42";
        mode = "direct-symlink";
      };
      engine = [
        {
          path = "/opt/app/current";
          target = "releases/42";
          onConflict = "backup";
        }
      ];
    };
  };

  "a link below /etc in place of something else" = {
    module.nixfleet.links."/etc/app" = {
      target = "/opt/app";
      onConflict = "backup";
    };
    ubuntu = intent: intent.links;
    onUbuntu = [
      {
        path = "/etc/app";
        target = "/opt/app";
        onConflict = "backup";
      }
    ];
    nixos = _: null;
    onNixos = [ "NixOS keeps no backup of /etc/app" ];
  };
}
