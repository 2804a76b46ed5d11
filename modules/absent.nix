# `nixfleet.absent.<path>`: paths at which nothing may exist.
{ lib, types }:
let
  inherit (lib) mkOption;

  absent = types.record {
    description = "a set that describes an absent path";
    elsewhere = {
      force = "recursive";
      recurse = "recursive";
      restart = "restartUnits";
      notify = "restartUnits";
      reload = "reloadUnits";
    };
    fields = {
      recursive = mkOption {
        type = types.bool;
        default = false;
        example = true;
        description = ''
          Whether a directory may be removed together with its content. Without this option, only an empty directory is
          removed, and a directory with content is an error in the plan. A directory is moved to its backup, not copied.
          It must therefore be on the filesystem of `/var/lib/nixfleet`, and nothing may be mounted in it.
        '';
      };
      restartUnits = mkOption {
        type = types.listOf types.unitName;
        default = [ ];
        example = [ "web.service" ];
        description = ''
          Units to restart when something at the path is removed or restored. Units that are neither running nor failed
          are left alone. Units of the distribution are allowed.
        '';
      };
      reloadUnits = mkOption {
        type = types.listOf types.unitName;
        default = [ ];
        example = [ "nginx.service" ];
        description = ''
          Units to reload when something at the path is removed or restored. Units that are neither running nor failed
          are left alone.
        '';
      };
      onConflict = mkOption {
        type = types.onConflict;
        default = "backup";
        example = "fail";
        description = ''
          What to do if a file, link or directory exists at the path and NixFleet does not own it. `fail`: the plan
          reports an error, and nothing changes. `adopt`: NixFleet removes it permanently and makes a backup. `backup`:
          NixFleet removes it, and restores it when the path is no longer declared.
        '';
      };
    };
  };
in
{
  _file = ./absent.nix;

  options.nixfleet.absent = mkOption {
    type = types.entries {
      description = "a set of absent paths";
      key = types.absentPath;
      keyExample = "/etc/motd.d/10-help";
      correct = types.correctPath;
      element = absent;
    };
    default = { };
    example = {
      "/etc/nginx/sites-enabled/default".reloadUnits = [ "nginx.service" ];
    };
    description = ''
      Paths on the host at which nothing may exist. A file, link or directory at such a path is removed, and is
      restored with its mode, owner and attributes when the path is no longer declared. A link itself is removed,
      not its target. A file, link or directory that appears at the path later is drift: the next apply removes it,
      too. Nothing can be declared below such a path.
    '';
  };
}
