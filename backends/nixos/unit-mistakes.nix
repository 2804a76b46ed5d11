# Reports declarations about units that cannot have the same effect on NixOS as on Ubuntu.
{
  declarations,
  document,
  etc,
  lib,
  types,
  ...
}:
let
  inherit (types) problem;

  mistake =
    option: name: within: rest:
    problem.make (
      {
        loc = option.loc ++ [ name ] ++ within;
        def = types.definitionOf option name;
      }
      // rest
    );

  here = option: name: lib.showOption (option.loc ++ [ name ]);
  isService = lib.hasSuffix ".service";

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

  reloads =
    option: name: unit:
    lib.optional (unit.reloadIfChanged && !isService name) (
      mistake option name [ "reloadIfChanged" ] {
        what = "NixOS does not reload ${name} when it changes";
        why = "NixOS reloads only services";
        example = "${here option name}.reloadIfChanged = false;";
      }
    );

  # The settings of an [Install] section whose values are names of units.
  wants = map (each: each.setting) types.shared.install ++ [ "Alias" ];
  isUnit =
    word: builtins.match "[A-Za-z0-9@:_.\\-]+[.](${lib.concatStringsSep "|" known})" word != null;
  known = types.shared.choices.unitSuffix ++ [
    "device"
    "scope"
  ];
  suffix = name: lib.last (lib.splitString "." name);

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

  # Lists the references to units in the intent: [ { option; name; within; unit; } ]. A declared unit without
  # a text, such as a unit that has only drop-ins, refers to a unit of NixOS, so it is listed too.
  namedUnits =
    { intent, options }:
    let
      inherit (options) nixfleet;
      inFields =
        option: fields: entries:
        lib.concatLists (
          lib.mapAttrsToList (
            name: value:
            lib.concatMap (
              field:
              map (unit: {
                inherit option name unit;
                within = [ field ];
              }) (lib.toList value.${field})
            ) (lib.filter (field: value.${field} != null) fields)
          ) entries
        );
      ofFiles = [
        "restartUnits"
        "reloadUnits"
      ];
    in
    inFields nixfleet.files ofFiles intent.files
    ++ inFields nixfleet.absent ofFiles intent.absent
    ++ inFields nixfleet.healthChecks [ "unit" ] intent.healthChecks
    ++ lib.mapAttrsToList (name: _: {
      option = nixfleet.systemd.units;
      inherit name;
      within = [ ];
      unit = name;
    }) (lib.filterAttrs (_: unit: unit.text == null) intent.systemd.units);

  # Maps Debian's name of a unit to the name that NixOS gives this unit.
  otherwise = {
    "apache2.service" = "httpd.service";
    "mariadb.service" = "mysql.service";
    "ssh.service" = "sshd.service";
    "ssh.socket" = "sshd.socket";
  };
  quoted = builtins.toJSON;
  # The value for an example in a message. A health check takes one unit, and the other options take a list of
  # units.
  asValue = within: word: if within == [ "unit" ] then word else "[ ${word} ]";
  debian =
    units:
    {
      option,
      name,
      within,
      unit,
    }:
    lib.optional (otherwise ? ${unit} && !(units ? ${unit})) (
      mistake option name within {
        what = "NixOS has no ${unit}";
        why = "NixOS calls the unit ${otherwise.${unit}}; ${unit} is its name on Debian";
        example =
          if within == [ ] then
            "nixfleet.systemd.units.\"${otherwise.${unit}}\" = { … };"
          else
            "${here option name}.${lib.head within} = ${asValue within "(if host.base == \"nixos\" then ${quoted otherwise.${unit}} else ${quoted unit})"};";
      }
    );

  # Reports each unit in a file's `restartUnits` that NixOS would not restart when the file changes.
  restarts =
    intent: option: path: file:
    let
      ofUnit =
        unit:
        let
          says = intent.systemd.units.${unit} or { };
          field = if says.reloadIfChanged or false then "reloadIfChanged" else "restartIfChanged";
        in
        lib.optional
          (lib.elem (suffix unit) [
            "path"
            "slice"
            "socket"
          ])
          (
            mistake option path [ "restartUnits" ] {
              what = "NixOS does not restart ${unit} when ${path} changes";
              why = "it leaves sockets, paths and slices as they are while the system changes";
              example = "${here option path}.restartUnits = [ \"${lib.head (lib.splitString "." unit)}.service\" ];";
            }
          )
        ++ lib.optional (says.reloadIfChanged or false || !says.restartIfChanged or true) (
          mistake option path [ "restartUnits" ] {
            what = "NixOS does not restart ${unit} when ${path} changes";
            why = "the unit has ${field} = ${lib.boolToString says.${field}}, which on NixOS applies to changes of the unit and of its files";
            example = "${here option path}.reloadUnits = [ \"${unit}\" ];  # in place of restartUnits";
          }
        );
    in
    lib.concatMap ofUnit file.restartUnits;
in
{
  config = _: { };

  problems =
    {
      config,
      intent,
      options,
      ...
    }:
    let
      inherit (options.nixfleet) files;
      inherit (options.nixfleet.systemd) units;
      each =
        option: check: entries:
        lib.concatLists (lib.mapAttrsToList (check option) entries);
      all = each units;
    in
    all waits intent.systemd.units
    ++ all reloads intent.systemd.units
    ++ all install intent.systemd.units
    ++ all own intent.systemd.units
    ++ all (declared (declarations options.systemd.units)) intent.systemd.units
    ++ lib.concatMap (debian config.systemd.units) (namedUnits {
      inherit intent options;
    })
    ++ each files (restarts intent) (etc.within intent.files);
}
