# Compiles `nixfleet.systemd.units` to NixOS's option `systemd.units` and to a package with the drop-ins.
{
  document,
  lib,
  triggers,
  ...
}:
let
  # NixOS makes no links from an [Install] section. Its options `wantedBy`, `requiredBy`, `aliases` and
  # `upheldBy` make the same links.
  links =
    unit:
    let
      settings = document.install unit.text;
      of = setting: settings.${setting} or [ ];
      upheldBy = of "UpheldBy";
    in
    lib.optionalAttrs (unit.enabled == true) (
      {
        wantedBy = of "WantedBy";
        requiredBy = of "RequiredBy";
        aliases = of "Alias";
      }
      # Older releases of NixOS do not have the option `upheldBy`.
      // lib.optionalAttrs (upheldBy != [ ]) { inherit upheldBy; }
    );

  unit = _: unit: { inherit (unit) text; } // links unit;

  section =
    name: lines:
    lib.optionalString (lines != [ ]) "[${name}]\n${lib.concatMapStrings (line: "${line}\n") lines}";

  # The text of a drop-in with settings for NixOS's switch-to-configuration. systemd ignores these settings.
  activation =
    triggers: name: unit:
    let
      isOwn = unit.text != null;
    in
    section "Unit" (triggers ++ lib.optional (isOwn && !unit.stopIfRemoved) "X-StopOnRemoval=false")
    + lib.optionalString (lib.hasSuffix ".service" name) (
      section "Service" (
        # With this setting, NixOS restarts a changed service after the new files are in place. Otherwise
        # NixOS would stop the service before it installs the files.
        lib.optional isOwn "X-StopIfChanged=false"
        ++ lib.optional (!unit.restartIfChanged) "X-RestartIfChanged=false"
        ++ lib.optional unit.reloadIfChanged "X-ReloadIfChanged=true"
      )
    );

  # The settings of a unit that restarts or reloads when a file changes, but that the intent does not declare.
  unchanged = {
    text = null;
    dropIns = { };
    restartIfChanged = true;
    reloadIfChanged = false;
  };

  # The texts of all drop-ins of a host. Each attribute name is the path of a drop-in in the package that
  # contains all drop-ins.
  dropIns =
    intent:
    let
      triggered = triggers intent;
      ofUnit =
        name: unit:
        let
          text = activation (triggered.${name} or [ ]) name unit;
          all =
            lib.mapAttrs (_: dropIn: dropIn.text) unit.dropIns
            // lib.optionalAttrs (text != "") { "nixfleet-activation.conf" = text; };
        in
        lib.mapAttrsToList (file: lib.nameValuePair "etc/systemd/system/${name}.d/${file}") all;
    in
    lib.listToAttrs (
      lib.concatLists (
        lib.mapAttrsToList ofUnit (lib.mapAttrs (_: _: unchanged) triggered // intent.systemd.units)
      )
    );
in
{
  inherit dropIns;

  config =
    { intent, pkgs, ... }:
    let
      all = dropIns intent;
      file = _: text: pkgs.writeText "drop-in.conf" text;
    in
    {
      systemd.units = lib.mapAttrs unit (
        lib.filterAttrs (_: unit: unit.text != null) intent.systemd.units
      );
      systemd.packages = lib.optional (all != { }) (
        pkgs.linkFarm "nixfleet-drop-ins" (lib.mapAttrs file all)
      );
    };

  problems = _: [ ];
}
