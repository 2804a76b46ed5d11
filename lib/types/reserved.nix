# Paths on a host that only tools may write, such as /etc/passwd. `at` returns { why; help; } of one, or null;
# `mayBe` is a fast check that is false for most other paths.
#
# The builder has the same list and refuses the same paths; the list is in its folder because it is compiled
# from that alone.
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

  # Grouped by their first letters: comparing each path of each host with each reserved one is slow.
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
  # A reserved place in a directory, or null: that directory cannot be taken away.
  below =
    directory:
    let
      found = lib.findFirst (each: lib.hasPrefix "${directory}/" each.place) null places;
    in
    if found == null then null else found.place;

  mayBe = path: short ? ${substring 0 4 path} || long ? ${substring 0 8 path};

  at =
    path:
    lib.findFirst (covers path) null (
      short.${substring 0 4 path} or [ ] ++ long.${substring 0 8 path} or [ ]
    );
}
