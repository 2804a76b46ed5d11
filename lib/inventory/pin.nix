# `hosts.<name>.pin`: excludes a host from changes and states its generation or revision.
{ lib, types }:
let
  inherit (lib) mkOption;
in
types.record {
  description = "a set with reason, generation or rev, and perhaps until";
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
      description = "The generation that the host is kept at.";
    };
    rev = mkOption {
      type = types.nullOr types.filledLine;
      default = null;
      example = "4f2c9d1";
      description = "The revision of the fleet that the host is kept at.";
    };
    reason = mkOption {
      type = types.filledLine;
      defaultText = lib.literalMD "none, it must be given";
      example = "kernel regression, ticket 4711";
      description = "Why the host is kept as it is. It is shown wherever the host is left out.";
    };
    until = mkOption {
      type = types.nullOr types.date;
      default = null;
      defaultText = lib.literalMD "for good";
      example = "2027-01-31";
      description = "The last day, in UTC, on which the pin holds. After it the host is changed again, with a warning.";
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
