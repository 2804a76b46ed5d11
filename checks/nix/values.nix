# Tests of the rules for values. The builder and the command line implement the same rules in Rust, and their
# tests use the same examples.
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
