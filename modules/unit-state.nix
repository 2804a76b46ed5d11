# The state of a unit of the distribution: whether it is enabled, running, or masked. The fields and the check
# are a part of `nixfleet.systemd.units`.
{ lib, types }:
let
  inherit (lib) mkOption;

  states = [
    "enabled"
    "running"
    "masked"
  ];

  # Whether a unit has a state that only a unit of the distribution can have.
  hasState = value: lib.any (state: value.${state} != null) states;
in
{
  inherit hasState states;

  fields = {
    running = mkOption {
      type = types.nullOr types.bool;
      default = null;
      defaultText = lib.literalMD "an apply neither starts nor stops the unit";
      example = false;
      description = ''
        Whether a unit of the distribution runs after an apply. This option cannot be set for a unit with a text of its
        own: an apply starts such a unit if it is enabled.
      '';
    };
    masked = mkOption {
      type = types.nullOr types.bool;
      default = null;
      defaultText = lib.literalMD "an apply neither masks nor unmasks the unit";
      example = true;
      description = ''
        Whether a unit of the distribution is masked. systemd never starts a masked unit. A masked unit is stopped.
        When the option is no longer set, the unit is as it was before.
      '';
    };
  };

  check =
    { loc, value, ... }@given:
    let
      here = lib.showOption loc;
      own = value.text != null || value.sections != { };
      at =
        field: what: why: example:
        types.problem.about [ field ] (
          types.problem.at (given // { loc = loc ++ [ field ]; }) what why example
        );
      set = lib.filter (field: value.${field} != null) [
        "running"
        "masked"
      ];
      contradicts = lib.filter (field: value.${field} == true) [
        "enabled"
        "running"
      ];
    in
    if own then
      map (
        field:
        types.problem.about [ "text" "sections" ] (
          at field "${here}.${field} is set for a unit with a text of its own"
            "it is an option of the distribution's units; an apply starts a unit of yours if it is enabled"
            "${here}.enabled = ${lib.boolToString (field == "running" && value.running)};"
        )
      ) set
    else
      lib.optionals (value.masked == true) (
        map (
          field:
          at field "${here} is declared both masked and ${field}" "systemd never starts a masked unit"
            "${here} = { masked = true; };"
        ) contradicts
        ++ lib.optional (value.dropIns != { }) (
          types.problem.about [ "dropIns" ] (
            at "masked" "${here} is masked, so its drop-ins have no effect"
              "systemd does not load a masked unit"
              "${here} = { masked = true; };"
          )
        )
      )
      ++ lib.optional (value.running != null && lib.hasInfix "@." (lib.last loc)) (
        at "running" "${here} is a template, which cannot run" "only an instance of a template runs"
          "${
            lib.showOption (lib.init loc ++ [ (lib.replaceStrings [ "@." ] [ "@1." ] (lib.last loc)) ])
          }.running = ${lib.boolToString value.running};"
      );
}
