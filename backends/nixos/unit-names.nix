# Reports names of units that no unit of NixOS has, and units that NixOS would not restart when a file
# changes.
{
  etc,
  lib,
  mistake,
  unitTypes,
  ...
}:
let
  inherit (unitTypes) left suffix;
  here = option: name: lib.showOption (option.loc ++ [ name ]);

  # Lists the references to units in the intent: [ { option; name; within; unit; } ]. The list includes each
  # declared unit without a text: such a unit, which may have only drop-ins, refers to a unit of NixOS.
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
  # Returns the value of an option for an example in a message. The option `unit` of a health check takes one
  # unit, and the other options take a list of units.
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
        lib.optional (lib.elem (suffix unit) left) (
          mistake option path [ "restartUnits" ] {
            what = "NixOS does not restart ${unit} when ${path} changes";
            why = "it leaves sockets, paths, slices and targets as they are while the system changes";
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
    lib.concatMap (debian config.systemd.units) (namedUnits {
      inherit intent options;
    })
    ++ lib.concatLists (
      lib.mapAttrsToList (restarts intent options.nixfleet.files) (etc.within intent.files)
    );
}
