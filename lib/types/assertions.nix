# `assertions` and `warnings`, as NixOS has them.
{
  lib,
  problem,
  scalar,
}:
let
  assertion = scalar.scalar {
    name = "assertion";
    description = "a set with assertion and message";
    accepts = value: builtins.isAttrs value && value ? assertion && value ? message;
    placeholder = null;
  };
in
rec {
  assertions = scalar.listOf assertion;

  # The problems of those that do not hold, of an evaluated option that has no problems itself.
  failedAssertions =
    option:
    lib.concatMap (
      def:
      map (
        each:
        problem.make {
          inherit (option) loc;
          inherit def;
          what = each.message;
          help = "the module in this file demands it with an assertion";
        }
      ) (lib.filter (each: !each.assertion) (assertions.resolve option.loc [ def ]).value)
    ) option.definitionsWithLocations;

  # Has Nix print warnings once the value is asked for.
  warned =
    subject: warnings: value:
    lib.foldr (warning: lib.warn "${subject}: ${warning}") value warnings;
}
