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

  # Problems of failed assertions, for an evaluated option without problems of its own.
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

  # Makes Nix print warnings when the value is evaluated.
  warned =
    subject: warnings: value:
    lib.foldr (warning: lib.warn "${subject}: ${warning}") value warnings;
}
