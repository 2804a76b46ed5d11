# Places on a host that only tools may write, such as /etc/passwd. `at` gives { why; help; } of one, or null; `mayBe` is
# false of most other paths.
#
# The list stands with the builder, which is compiled from its own folder alone and refuses the same.
{ lib }:
let
  inherit (builtins) stringLength substring;

  list = builtins.fromJSON (builtins.readFile ../../contract/src/values/reserved.json);

  places = lib.concatMap (
    { paths, ... }@reserved:
    map (
      path:
      let
        place = lib.removeSuffix "*" path;
      in
      {
        inherit place;
        inherit (reserved) why help;
        length = stringLength place;
        isWhole = place == path;
      }
    ) paths
  ) list;

  # By their first letters, since comparing each path of each host with each place is felt.
  beginning = length: lib.groupBy (each: substring 0 length each.place);
  short = beginning 4 (lib.filter (each: each.length < 8) places);
  long = beginning 8 (lib.filter (each: each.length >= 8) places);

  covers =
    path: each:
    substring 0 each.length path == each.place
    && (
      !each.isWhole
      || lib.elem (substring each.length 1 path) [
        ""
        "/"
      ]
    );
in
{
  mayBe = path: short ? ${substring 0 4 path} || long ? ${substring 0 8 path};

  at =
    path:
    lib.findFirst (covers path) null (
      short.${substring 0 4 path} or [ ] ++ long.${substring 0 8 path} or [ ]
    );
}
