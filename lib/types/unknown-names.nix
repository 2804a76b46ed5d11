# Finds unknown names: definitions that belong to no option.
{ lib, problem }:
let
  inherit (builtins) isAttrs;

  strangers = lib.mkOptionType {
    name = "strangers";
    description = "definitions that no option takes";
    merge = _: defs: { _strangers = defs; };
  };

  # Adds a line to the location of an unknown definition, because the module system keeps only the file. The
  # added line is the line of the first attribute in the defined value.
  place =
    def: value:
    let
      line = name: (builtins.unsafeGetAttrPos name value).line or 0;
      names = lib.filter (name: line name != 0) (lib.attrNames value);
    in
    if isAttrs value && !(value ? _type) && names != [ ] then
      def
      // {
        parent = value;
        attr = lib.head (lib.sort (a: b: line a < line b) names);
      }
    else
      def;

  # The problem of an unknown name. `misplaced` has advice for names that are options elsewhere, such as in
  # NixOS.
  unknown =
    misplaced: loc: known: def: value:
    let
      name = lib.last loc;
      parent = lib.init loc;
      special = if parent == [ ] && misplaced ? ${name} then misplaced.${name} value else { };
    in
    problem.make (
      {
        inherit loc;
        def = place def value;
        why = "${
          if parent == [ ] then "a module here" else lib.showOption parent
        } can have ${problem.optionNames known}";
        example = problem.rename loc (problem.guess known name);
      }
      // special
      // {
        what = (special.what or (shown: "the option ${shown} does not exist")) (lib.showOption loc);
      }
    );
in
{
  # The freeform type of an evaluation. It collects all definitions that belong to no option in the list
  # `config._strangers`, [ { file; value; } ], so that these mistakes can be reported with all other mistakes.
  inherit strangers;

  # Compares `_strangers` with the declared options, and returns a problem for each unknown name in it.
  strangerProblems =
    misplaced: options: defs:
    let
      walk =
        path: tree: def: value:
        lib.concatMap (
          name:
          if !(tree ? ${name}) then
            [
              (unknown misplaced (path ++ [ name ]) (lib.attrNames (
                removeAttrs tree [ "_module" ]
              )) def value.${name})
            ]
          else if lib.isOption tree.${name} then
            [ ]
          else
            walk (path ++ [ name ]) tree.${name} def value.${name}
        ) (if isAttrs value then lib.attrNames value else [ ]);
    in
    lib.concatMap (def: walk [ ] options (removeAttrs def [ "value" ]) def.value) defs;
}
