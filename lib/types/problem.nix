# Makes "problems", which are values that describe mistakes in a fleet, and turns a list of problems into the
# text that reports them.
#
# A problem is { what; option; file; line; why; example; help; }: the sentence that says what is wrong, the
# option path, the location of the definition (line is null if Nix does not know it), the reason or null, and
# a corrected example. If there is no example, `help` says what to do. A problem may have `about`, a list of
# the fields of a record whose values cause the problem. If a listed field has a mistake of its own, the
# problem is not reported.
{ lib }:
let
  inherit (builtins)
    concatStringsSep
    isAttrs
    isBool
    isFloat
    isFunction
    isInt
    isList
    isPath
    isString
    stringLength
    substring
    toJSON
    unsafeGetAttrPos
    ;

  shorten = text: if stringLength text > 60 then "${substring 0 57 text}..." else text;

  # The directory of nixpkgs' `lib`. Attributes that functions such as genAttrs create have a position in this
  # directory. Such a position is of no use to the user.
  library = dirOf (unsafeGetAttrPos "genAttrs" lib).file;

  # The location of a definition: the file and line of its attribute if Nix knows them, otherwise only the
  # module's file.
  position =
    def:
    let
      found = if def ? parent then unsafeGetAttrPos def.attr def.parent else null;
    in
    if found == null || lib.hasPrefix "${library}/" found.file then
      {
        inherit (def) file;
        line = null;
      }
    else
      { inherit (found) file line; };
in
rec {
  # Describes a value in words, for "must be …, but is …".
  describe =
    value:
    if isString value then
      "the string ${shorten (toJSON (builtins.unsafeDiscardStringContext value))}"
    else if isInt value || isFloat value then
      "the number ${toJSON value}"
    else if isBool value then
      "the boolean ${lib.boolToString value}"
    else if isPath value then
      # A path is not shortened, because `render` removes the directory of the flake from it.
      "the path ${toString value}"
    else if value == [ ] then
      "an empty list"
    else if isList value then
      "a list"
    else if value == null then
      "null"
    else if lib.isDerivation value then
      "a package"
    else if isFunction value then
      "a function"
    else if value == { } then
      "an empty set"
    else if isAttrs value then
      "a set with the names ${shorten (concatStringsSep ", " (lib.attrNames value))}"
    else
      "something else";

  # The location of a definition as text, for use in a message.
  place =
    def:
    let
      inherit (position def) file line;
    in
    "${toString file}${lib.optionalString (line != null) ":${toString line}"}";

  # The line of Nix code that sets an option to a value.
  assign =
    loc: value:
    let
      written =
        if value._type or null == "literalExpression" then
          value.text
        else
          lib.generators.toPretty { multiline = false; } value;
    in
    "${lib.showOption loc} = ${written};";

  make =
    {
      loc,
      def,
      what,
      why ? null,
      ...
    }@problem:
    {
      inherit what why;
      option = lib.showOption loc;
      inherit (position def) file line;
    }
    // builtins.intersectAttrs {
      about = null;
      example = null;
      help = null;
    } problem;

  # Adds the option's example to a problem that has neither an example nor advice.
  withExample =
    loc: option: p:
    if p ? help || !(option ? example) then p else { example = assign loc option.example; } // p;

  # Makes the problem that a check on a whole value reports: { loc; def; … } → what → why → example.
  at =
    { loc, def, ... }:
    what: why: example:
    make {
      inherit
        loc
        def
        what
        why
        example
        ;
    };

  # Marks a problem as caused by the values of the fields in the list `fields`.
  about = fields: problem: problem // { about = fields; };

  # The known name that was probably meant by the wrong name `name`, or null. The known name differs from the
  # wrong name in a few letters, or one of the two is the beginning of the other.
  guess =
    known: name:
    let
      distance = lib.strings.levenshtein name;
      letters = text: lib.sort lib.lessThan (lib.stringToCharacters text);
      # A name of at most four letters may differ in one letter, or have two letters swapped. A longer name
      # may differ in two letters.
      isNear =
        each:
        lib.strings.levenshteinAtMost 2 name each
        && (stringLength name > 4 || distance each < 2 || letters each == letters name);
      near = lib.filter isNear known;
      closest = lib.sort (a: b: distance a < distance b) near;
      begins = short: long: stringLength short > 2 && lib.hasPrefix short long;
      longer = lib.filter (each: begins each name || begins name each) known;
    in
    lib.findFirst (_: true) null (closest ++ longer);

  # The example for an option with a wrong name: the option path with the guessed name at its end. Without a
  # guess, this is general advice.
  rename =
    loc: guessed:
    if guessed == null then
      "one of these names, or remove the option"
    else
      "${lib.showOption (lib.init loc ++ lib.toList guessed)} = …;";

  # A list of names as text. At most twelve names are shown, as operator/src/nix/eval_problems.rs does.
  names = namesUpTo 12;

  # The names that options can have. A few more are shown, so that each field of a host is shown.
  optionNames = namesUpTo 20;

  namesUpTo =
    most: list:
    if list == [ ] then
      "none"
    else if lib.length list > most then
      "${concatStringsSep ", " (lib.take most list)} and ${toString (lib.length list - most)} more"
    else
      concatStringsSep ", " list;

  # Whether a definition is in a file of data. Examples are Nix code, so the label of an example then names
  # the language.
  isData =
    file:
    lib.any (suffix: lib.hasSuffix suffix (toString file)) [
      ".json"
      ".toml"
    ];

  # All problems of a fleet as one text to throw. `root` is the directory of the user's flake, and paths below
  # `root` are shown relative to it. If several hosts have the same problem, because it is in a role, the
  # problem is shown once.
  render =
    { root, problems }:
    let
      identity =
        p: builtins.unsafeDiscardStringContext "${p.file}:${toString p.line}:${p.option}:${p.what}";
      groups = lib.groupBy identity problems;
      ordered = lib.unique (map identity problems);
      relative = text: if root == null then text else lib.replaceStrings [ "${root}/" ] [ "" ] text;
      showOne =
        index: key:
        let
          same = groups.${key};
          p = lib.head same;
          hosts = lib.unique (lib.catAttrs "host" same);
          lines = [
            "${toString index}. ${p.what}"
            "   where: ${p.option}, in ${p.file}${lib.optionalString (p.line != null) ":${toString p.line}"}"
          ]
          ++
            lib.optional (hosts != [ ])
              "   ${if lib.length hosts == 1 then "host" else "hosts"}: ${names hosts}"
          ++ lib.optional (p.why or null != null) "   why: ${p.why}"
          ++
            lib.optional (p ? example)
              "   ${if isData p.file then "in Nix" else "write"}: ${
                   lib.replaceStrings [ "\n" ] [ "\n          " ] p.example
                 }"
          ++ lib.optional (p ? help) "   help: ${p.help}";
        in
        relative (concatStringsSep "\n" lines);
      count = lib.length ordered;
    in
    "[NF-201] ${toString count} ${if count == 1 then "mistake" else "mistakes"} in the fleet\n\n"
    + concatStringsSep "\n\n" (lib.imap1 showOne ordered)
    + "\n";
}
