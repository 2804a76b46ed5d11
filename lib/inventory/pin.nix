# `hosts.<name>.pin`: excludes a host from changes, and states the generation or the revision at which the
# host must stay.
{ lib, types }:
let
  inherit (lib) mkOption;
in
types.record {
  description = "a set with reason, with generation or rev, and optionally with until";
  fields = {
    generation = mkOption {
      type = types.nullOr (
        types.intBetween {
          noun = "the number of a generation";
          low = 1;
          high = 1000000000;
          placeholder = 1;
        }
      );
      default = null;
      example = 12;
      description = "The generation to which the host is pinned.";
    };
    rev = mkOption {
      type = types.nullOr types.filledLine;
      default = null;
      example = "4f2c9d1";
      description = "The revision of the fleet to which the host is pinned.";
    };
    reason = mkOption {
      type = types.filledLine;
      defaultText = lib.literalMD "none: the option must be set";
      example = "kernel regression, ticket 4711";
      description = "The reason for the pin. It is shown whenever the host is excluded.";
    };
    until = mkOption {
      type = types.nullOr types.date;
      default = null;
      defaultText = lib.literalMD "the pin does not expire";
      example = "2027-01-31";
      description = ''
        The last day of the pin, in UTC. After that day, an apply changes the host again and prints a warning.
      '';
    };
  };
  check =
    {
      loc,
      value,
      def,
    }:
    lib.optional ((value.generation == null) == (value.rev == null)) (
      types.problem.make {
        inherit loc def;
        about = [
          "generation"
          "rev"
        ];
        what = "${lib.showOption loc} must have either generation or rev";
        why = "they say what the host is pinned to, and only one of them can apply";
        example = "${lib.showOption loc} = { generation = 12; reason = \"…\"; };";
      }
    );
}
