# `nixfleet.systemd.units`: systemd.units, and a package with the drop-ins.
{
  document,
  lib,
  triggers,
  ...
}:
let
  # NixOS makes no links of an [Install] section: its own options say the same.
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
      # Older releases have no such option.
      // lib.optionalAttrs (upheldBy != [ ]) { inherit upheldBy; }
    );

  unit = _: unit: { inherit (unit) text; } // links unit;

  section = name: lines: lib.optionalString (lines != [ ]) "[${name}]\n${lib.concatLines lines}";

  # Settings for NixOS's switch-to-configuration; systemd ignores them.
  activation =
    triggers: name: unit:
    let
      isOwn = unit.text != null;
    in
    section "Unit" (triggers ++ lib.optional (isOwn && !unit.stopIfRemoved) "X-StopOnRemoval=false")
    + lib.optionalString (lib.hasSuffix ".service" name) (
      section "Service" (
        # Restart it once the new files are there, instead of stopping it before.
        lib.optional isOwn "X-StopIfChanged=false"
        ++ lib.optional (!unit.restartIfChanged) "X-RestartIfChanged=false"
        ++ lib.optional unit.reloadIfChanged "X-ReloadIfChanged=true"
      )
    );

  # A unit that only files name.
  unchanged = {
    text = null;
    dropIns = { };
    restartIfChanged = true;
    reloadIfChanged = false;
  };

  # All drop-ins, by their path in the package.
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
        lib.mapAttrs' (file: lib.nameValuePair "etc/systemd/system/${name}.d/${file}") all;
    in
    lib.concatMapAttrs ofUnit (lib.mapAttrs (_: _: unchanged) triggered // intent.systemd.units);
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
