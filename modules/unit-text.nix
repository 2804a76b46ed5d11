# Makes the text of a systemd unit from its sections. As is customary, [Unit] comes first and [Install] last.
{ lib, types }:
let
  inherit (builtins)
    attrNames
    concatStringsSep
    isList
    ;

  rank =
    section:
    if section == "Unit" then
      0
    else if section == "Install" then
      2
    else
      1;

  setting =
    name: value:
    if isList value then
      map (one: "${name}=${types.storeText one}") value
    else
      [ "${name}=${types.storeText value}" ];

  section =
    name: settings:
    "[${name}]\n"
    + concatStringsSep "\n" (lib.concatMap (key: setting key settings.${key}) (attrNames settings))
    + "\n";
in
sections:
concatStringsSep "\n" (
  map (name: section name sections.${name}) (
    lib.sort (a: b: rank a < rank b || (rank a == rank b && a < b)) (attrNames sections)
  )
)
