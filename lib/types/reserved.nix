# Paths on a host that only other tools may write, such as /etc/passwd. `at` returns { why; help; } for a
# reserved path, or null. `mayBe` is a faster but less exact check: it is true for all reserved paths, and
# false for most other paths.
#
# The builder reads the same list and refuses the same paths. The list is in the directory of the contract
# crate, because that crate is compiled from its own directory alone.
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

  # The reserved paths, grouped by their first letters. It would be slow to compare each path of each host
  # with each reserved path.
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
  # A reserved path inside a directory, or null. A directory that contains a reserved path must not be
  # removed.
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
