# Reports settings of units that cannot have the same effect on NixOS as on Ubuntu.
{
  declarations,
  isStated,
  lib,
  mistake,
  unitTypes,
  ...
}:
let
  inherit (unitTypes) left restarted suffix;

  here = option: name: lib.showOption (option.loc ++ [ name ]);
  isService = lib.hasSuffix ".service";

  # Returns an example for a message: a definition that gives the field this value on Ubuntu hosts only.
  elsewhere =
    option: name: field: value:
    "${here option name}.${field} = lib.mkIf (host.base == \"ubuntu\") ${value};";

  conflict =
    option: name: unit:
    lib.optional (unit.onConflict != "fail") (
      mistake option name [ "onConflict" ] {
        what = "NixOS replaces no existing unit with ${name}";
        why = "NixOS generates all units, and two modules cannot declare the same unit";
        example = elsewhere option name "onConflict" "\"${unit.onConflict}\"";
      }
    );

  # `verify` is true by default, so it is reported only if a module of the user sets it to true.
  verify =
    option: name: unit:
    lib.optional (unit.verify && isStated option name unit "verify") (
      mistake option name [ "verify" ] {
        what = "NixOS does not verify ${name} before the change";
        why = "NixOS installs the units itself, and systemd reads them afterwards";
        help = "remove verify: it is true by default, and has an effect on other hosts only";
      }
    );

  # Reports the state of a unit that another module of NixOS makes. NixOS generates all links and masks of
  # units from its own options.
  state =
    option: name: unit:
    lib.optionals (unit.text == null) (
      map
        (
          field:
          mistake option name [ field ] {
            what = "NixOS does not take over ${field} of ${name}";
            why = "the NixOS module that makes the unit decides it";
            example = "systemd.units.\"${name}\".enable = false;  # masks the unit; for the rest, its module has options";
          }
        )
        (
          lib.filter (field: unit.${field} != null) [
            "enabled"
            "running"
            "masked"
          ]
        )
    );

  waits =
    option: name: unit:
    lib.optional (unit.startTimeout != null) (
      mistake option name [ "startTimeout" ] {
        what = "NixOS does not apply the startTimeout of ${name}";
        why = "it starts the units itself, and waits as long as their TimeoutStartSec= says";
        example = "${here option name}.sections.Service.TimeoutStartSec = ${toString unit.startTimeout};";
      }
    )
    ++ lib.optional (unit.settle != null) (
      mistake option name [ "settle" ] {
        what = "NixOS does not wait for ${name} to stay up";
        why = "it starts the units itself; a health check looks at them afterwards";
        example = "nixfleet.healthChecks.${lib.head (lib.splitString "." name)} = { unit = \"${name}\"; stableFor = ${toString unit.settle}; };";
      }
    );

  # Reports settings that the rules of NixOS's program switch-to-configuration contradict. This program reads
  # such settings only of services, and treats any other changed unit by the type of the unit.
  changes =
    option: name: unit:
    lib.optional (unit.reloadIfChanged && !isService name) (
      mistake option name [ "reloadIfChanged" ] {
        what = "NixOS does not reload ${name} when it changes";
        why = "NixOS reloads only services";
        example = elsewhere option name "reloadIfChanged" "true";
      }
    )
    ++ lib.optional (!unit.restartIfChanged && lib.elem (suffix name) restarted) (
      mistake option name [ "restartIfChanged" ] {
        what = "NixOS restarts ${name} when it changes";
        why = "of the units that NixOS restarts, only a service can be left as it is";
        example = elsewhere option name "restartIfChanged" "false";
      }
    )
    ++
      lib.optional
        (
          unit.restartIfChanged && lib.elem (suffix name) left && isStated option name unit "restartIfChanged"
        )
        (
          mistake option name [ "restartIfChanged" ] {
            what = "NixOS does not restart ${name} when it changes";
            why = "it leaves sockets, paths, slices and targets as they are while the system changes";
            example = elsewhere option name "restartIfChanged" "true";
          }
        );

  own =
    option: name: unit:
    lib.optional (unit.dropIns ? "nixfleet-activation.conf") (
      mistake option name [ "dropIns" ] {
        what = "no drop-in can have the name nixfleet-activation.conf";
        why = "NixFleet itself makes a drop-in of that name";
        example = "${here option name}.dropIns.\"app.conf\" = { … };";
      }
    );

  declared =
    declared: option: name: unit:
    let
      def = declared.definitionOf name (value: value ? text);
    in
    lib.optional (unit.text != null && def != null) (
      mistake option name [ ] {
        what = "NixOS has a unit ${name} already";
        why = "a NixOS module declares it, and a unit can have only one text";
        example = "${here option name}.dropIns.\"app.conf\".sections = { … };";
      }
    );
in
{
  config = _: { };

  problems =
    { intent, options, ... }:
    let
      option = options.nixfleet.systemd.units;
      ofUnit =
        name: unit:
        lib.concatMap (check: check option name unit) [
          waits
          conflict
          state
          verify
          changes
          own
          (declared (declarations options.systemd.units))
        ];
    in
    lib.concatLists (lib.mapAttrsToList ofUnit intent.systemd.units);
}
