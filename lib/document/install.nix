# Parses the [Install] section of a unit into a list of words for each setting, as systemd.syntax(7)
# describes. `activator/src/build/install.rs` parses the section in the same way.
{ lib }:
text:
let
  trim =
    line:
    let
      found = lib.head (builtins.match "[[:space:]]*(.*[^[:space:]])?[[:space:]]*" line);
    in
    if found == null then "" else found;

  isComment = line: lib.hasPrefix "#" line || lib.hasPrefix ";" line;
  lines = lib.filter (line: !isComment line) (map trim (lib.splitString "\n" text));
  # A backslash at the end of a line joins it with the next line.
  logical = lib.splitString "\n" (
    lib.replaceStrings [ "\\\n" ] [ " " ] (lib.concatStringsSep "\n" lines)
  );

  words =
    value:
    map (lib.replaceStrings [ "\"" "'" ] [ "" "" ]) (
      lib.filter (word: lib.isString word && word != "") (builtins.split "[[:space:]]+" value)
    );

  read =
    state: line:
    let
      setting = builtins.match "([A-Za-z]+)[[:space:]]*=(.*)" line;
      key = lib.head setting;
      added = words (lib.last setting);
    in
    if lib.hasPrefix "[" line then
      state // { inside = line == "[Install]"; }
    else if !state.inside || setting == null then
      state
    else
      state
      // {
        # An empty value removes all earlier words of the setting.
        settings = state.settings // {
          ${key} = if added == [ ] then [ ] else state.settings.${key} or [ ] ++ added;
        };
      };
in
(lib.foldl' read {
  inside = false;
  settings = { };
} logical).settings
