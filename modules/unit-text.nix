# The text of a systemd unit from its sections: [Unit] first and [Install] last, as people write them.
{ lib }:
let
  inherit (builtins)
    attrNames
    concatStringsSep
    isBool
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

  word = value: if isBool value then lib.boolToString value else "${toString value}";

  setting =
    name: value:
    if isList value then map (one: "${name}=${word one}") value else [ "${name}=${word value}" ];

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
