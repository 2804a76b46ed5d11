# Compiles `nixfleet.systemd.units` to NixOS's option `systemd.units` and a package with the drop-ins.
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

  section = name: lines: lib.optionalString (lines != [ ]) "[${name}]\n${lib.concatLines lines}";

  # The text of a drop-in with settings for NixOS's switch-to-configuration. systemd ignores these settings.
  activation =
    triggers: name: unit:
    let
      isOwn = unit.text != null;
    in
    section "Unit" (triggers ++ lib.optional (isOwn && !unit.stopIfRemoved) "X-StopOnRemoval=false")
    + lib.optionalString (lib.hasSuffix ".service" name) (
      section "Service" (
        # NixOS then restarts the service after the new files are in place, instead of stopping it before
        # that.
        lib.optional isOwn "X-StopIfChanged=false"
        ++ lib.optional (!unit.restartIfChanged) "X-RestartIfChanged=false"
        ++ lib.optional unit.reloadIfChanged "X-ReloadIfChanged=true"
      )
    );

  # Stands for a unit that a file restarts or reloads, but that the intent does not declare.
  unchanged = {
    text = null;
    dropIns = { };
    restartIfChanged = true;
    reloadIfChanged = false;
  };

  # All drop-ins of a host, by their path in the package that contains them.
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
