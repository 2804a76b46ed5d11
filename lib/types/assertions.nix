# The options `assertions` and `warnings`, which work as in NixOS.
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

  # The problems of an assertion that fails. The types of its condition and message are checked here.
  failed =
    option: def:
    { assertion, message, ... }:
    let
      inFile = builtins.addErrorContext "while evaluating an assertion in ${def.file}:";
      tell =
        what:
        problem.make {
          inherit (option) loc;
          inherit def what;
          help = "change the fleet so that the assertion of the module in this file holds";
        };
    in
    if !builtins.isBool (inFile assertion) then
      [ (tell "an assertion must be true or false, but is ${problem.describe assertion}") ]
    else if assertion then
      [ ]
    else if !builtins.isString (inFile message) then
      [ (tell "the message of an assertion must be a string, but is ${problem.describe message}") ]
    else
      [ (tell (lib.removeSuffix "\n" message)) ];
in
rec {
  assertions = scalar.listOf assertion;

  # The problems of all failed assertions. `option` is the evaluated option, which must have no problems of
  # its own.
  failedAssertions =
    option:
    lib.concatMap (
      def: lib.concatMap (failed option def) (assertions.resolve option.loc [ def ]).value
    ) option.definitionsWithLocations;

  # Makes Nix print the warnings when the value is evaluated.
  warned =
    subject: warnings: value:
    lib.foldr (warning: lib.warn "${subject}: ${warning}") value warnings;
}
