# The links that enable a unit, as path keys, as far as its [Install] section has plain lines. The builder
# makes the links, and understands every syntax (activator/src/build/install.rs).
{ lib, types }:
let
  suffixes = lib.listToAttrs (
    map (each: lib.nameValuePair each.setting ".${each.directory}/") types.shared.install
  );

  settings =
    text:
    let
      after = lib.splitString "\n[Install]\n" "\n${text}";
      section = lib.head (lib.splitString "\n[" (lib.elemAt after 1));
      setting =
        line:
        let
          found = builtins.match "[[:space:]]*([A-Za-z]+)[[:space:]]*=(.*)" line;
        in
        lib.optional (found != null) {
          name = lib.head found;
          words = lib.filter (word: builtins.match "[A-Za-z0-9:_.@\\-]+" word != null) (
            lib.splitString " " (lib.last found)
          );
        };
    in
    if lib.length after < 2 then [ ] else lib.concatMap setting (lib.splitString "\n" section);
in
name: text:
let
  all = settings text;
  wordsOf = key: lib.concatMap (each: lib.optionals (each.name == key) each.words) all;
  instance = wordsOf "DefaultInstance";
  linked =
    if instance == [ ] then name else lib.replaceStrings [ "@." ] [ "@${lib.last instance}." ] name;
  links =
    wordsOf "Alias"
    ++ lib.concatLists (
      lib.mapAttrsToList (key: suffix: map (target: "${target}${suffix}${linked}") (wordsOf key)) suffixes
    );
in
lib.genAttrs (map (link: "${types.shared.unitDirectory}/${link}") links) (_: { })
