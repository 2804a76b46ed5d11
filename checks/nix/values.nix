# Tests of the rules for values, with the same examples as in the tests of the builder and the command line,
# which implement these rules in Rust.
{ evalFleet, lib, ... }:
let
  inherit (evalFleet { }) types;
  examples = lib.importJSON ../fixtures/values.json;
  accepts = kind: types.${kind}.accepts;
in
{
  "evaluation accepts no value that the builder refuses" = {
    expr = lib.filterAttrs (_: wrong: wrong != { }) (
      lib.mapAttrs (
        kind: of:
        lib.filterAttrs (_: values: values != [ ]) {
          accepted = lib.filter (accepts kind) (of.neither ++ of.build or [ ]);
          refused = lib.filter (value: !accepts kind value) of.both;
        }
      ) examples
    );
    expected = { };
  };
}
