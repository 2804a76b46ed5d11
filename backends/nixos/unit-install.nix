# Reports units whose [Install] section cannot have the same effect on NixOS as on Ubuntu.
{
  document,
  lib,
  mistake,
  types,
  unitTypes,
  ...
}:
let
  inherit (unitTypes) suffix;
  here = option: name: lib.showOption (option.loc ++ [ name ]);

  # The settings of an [Install] section whose values are unit names.
  wants = map (each: each.setting) types.shared.install ++ [ "Alias" ];
  isUnit =
    word: builtins.match "[A-Za-z0-9@:_.\\-]+[.](${lib.concatStringsSep "|" known})" word != null;
  known = types.shared.choices.unitSuffix ++ [
    "device"
    "scope"
  ];

  install =
    option: name: unit:
    let
      settings = document.install unit.text;
      wrong =
        setting:
        lib.filter (word: !isUnit word || setting == "Alias" && suffix word != suffix name) (
          settings.${setting} or [ ]
        );
      ofSetting =
        setting:
        map (
          word:
          mistake option name [ ] {
            what = "${setting}=${word} of ${name} names no unit that NixOS could link";
            why = "NixOS makes these links when the system is built, and needs full names of units";
            example = "${here option name}.sections.Install.${setting} = \"${
              if setting == "Alias" then "app.${suffix name}" else "multi-user.target"
            }\";";
          }
        ) (wrong setting);
      instance = lib.last (settings.DefaultInstance or [ "1" ]);
      full = lib.replaceStrings [ "@." ] [ "@${instance}." ] name;
    in
    lib.optionals (unit.enabled == true && unit.text != null) (
      lib.concatMap ofSetting wants
      ++ lib.optional (lib.all (setting: settings.${setting} or [ ] == [ ]) (wants ++ [ "Also" ])) (
        mistake option name [ "enabled" ] {
          what = "${name} is enabled, but no unit starts it";
          why = "its section [Install] names no unit that NixOS could link";
          example = "${here option name}.enabled = false;";
        }
      )
      ++ lib.optional (settings.Also or [ ] != [ ]) (
        mistake option name [ ] {
          what = "Also= of ${name} has no effect on NixOS";
          why = "NixOS enables each unit for itself";
          example = "nixfleet.systemd.units.\"${lib.head settings.Also}\".enabled = true;";
        }
      )
      ++ lib.optional (lib.hasInfix "@." name) (
        mistake option name [ ] {
          what = "NixOS cannot enable the template ${name}";
          why = "NixOS makes links to units, and a template is not a unit";
          example = "systemd.services.\"${lib.removeSuffix ".service" full}\" = { overrideStrategy = \"asDropin\"; wantedBy = [ \"multi-user.target\" ]; };  # and ${here option name}.enabled = false;";
        }
      )
    );
in
{
  config = _: { };

  problems =
    { intent, options, ... }:
    lib.concatLists (lib.mapAttrsToList (install options.nixfleet.systemd.units) intent.systemd.units);
}
