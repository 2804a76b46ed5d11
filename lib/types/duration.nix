# Durations such as "30s". The value of such an option is a number of seconds.
{ lib, scalar }:
let
  inherit (builtins)
    elemAt
    head
    isInt
    isString
    ;

  secondsOf = {
    s = 1;
    m = 60;
    h = 3600;
    d = 86400;
  };

  # The number of seconds in a duration, or null if the value is not a duration.
  seconds =
    value:
    let
      parts = builtins.match "(0|[1-9][0-9]{0,8})([smhd])" value;
    in
    if isInt value then
      value
    else if isString value && parts != null then
      lib.toInt (head parts) * secondsOf.${elemAt parts 1}
    else
      null;

  # A number of seconds as a duration in its shortest form, such as "5m".
  show =
    count:
    let
      fitting = lib.filter (unit: lib.mod count secondsOf.${unit} == 0) [
        "d"
        "h"
        "m"
      ];
      unit = if count == 0 || fitting == [ ] then "s" else head fitting;
    in
    "${toString (count / secondsOf.${unit})}${unit}";

  # A type that accepts the same values as the given type, and converts each value with `convert`.
  converted =
    convert: type:
    let
      resolve =
        loc: defs:
        let
          result = type.resolve loc defs;
        in
        result // { value = if result.problems == [ ] then convert result.value else result.value; };
    in
    scalar.fromResolve {
      inherit (type) name description;
      inherit resolve;
    }
    // {
      read = _: value: if type.accepts value then convert value else null;
    };
in
{
  # A duration from `low` to `high` seconds. With `orFalse`, the value `false` is accepted too. It means that
  # no such duration is set.
  durationBetween =
    {
      low,
      high,
      orFalse ? false,
    }:
    let
      isOff = value: orFalse && value == false;
      fits = count: count != null && count >= low && count <= high;
      length = "a time from ${show low} to ${show high} such as \"30s\", \"5m\" or a number of seconds";
    in
    converted (value: if isOff value then value else seconds value) (
      scalar.scalar {
        name = "duration";
        description = if orFalse then "false, or ${length}" else length;
        accepts = value: isOff value || fits (seconds value);
        placeholder = low;
      }
    );
}
