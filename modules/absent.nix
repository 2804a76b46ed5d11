# `nixfleet.absent.<path>`: paths at which nothing may exist.
{ lib, types }:
let
  inherit (lib) mkOption;

  absent = types.record {
    description = "a set that describes what may be taken away";
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
          Whether a directory may be taken away together with what is in it. Without this only an empty one is, and any
          other is an error of the plan. A directory is moved, not copied: it has to be on the filesystem of
          `/var/lib/nixfleet`, with nothing mounted in it.
        '';
      };
      restartUnits = mkOption {
        type = types.listOf types.unitName;
        default = [ ];
        example = [ "web.service" ];
        description = "Units to restart when something is taken away or put back, if they run. They may be the distribution's.";
      };
      reloadUnits = mkOption {
        type = types.listOf types.unitName;
        default = [ ];
        example = [ "nginx.service" ];
        description = "Units to reload when something is taken away or put back, if they run.";
      };
      onConflict = mkOption {
        type = types.onConflict;
        default = "backup";
        example = "fail";
        description = ''
          What to do with something at the path that NixFleet does not own. `fail`: say so in the plan and change nothing.
          `adopt`: take it away for good; a backup is made. `backup`: take it away, and put it back as it was when the path
          is no longer declared.
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
      Paths on the host where nothing may stand. A file, link or directory there is taken away with its mode, owner and
      attributes, and put back when the path is no longer declared. A link is not followed. If something comes back to
      the path, that is drift: the next apply takes it away too. Nothing can be declared below such a path.
    '';
  };
}
