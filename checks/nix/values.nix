# The rules for values, held to the same examples as those of the builder and the command line, which have
# them in Rust.
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
