# Lists the links that enable a unit, as a set whose attribute names are the paths of the links. The builder
# makes the links (activator/src/build/install.rs).
{
  install,
  lib,
  types,
}:
let
  isName = word: builtins.match "[A-Za-z0-9:_.@\\-]+" word != null;
in
name: text:
let
  settings = install text;
  wordsOf = key: lib.filter isName (settings.${key} or [ ]);
  instance = wordsOf "DefaultInstance";
  linked =
    if instance == [ ] then name else lib.replaceStrings [ "@." ] [ "@${lib.last instance}." ] name;
  linksOf =
    { setting, directory }: map (target: "${target}.${directory}/${linked}") (wordsOf setting);
  links = wordsOf "Alias" ++ lib.concatMap linksOf types.shared.install;
in
lib.genAttrs (map (link: "${types.shared.unitDirectory}/${link}") links) (_: { })
