# Finds unknown names: definitions that belong to no option.
{ lib, problem }:
let
  inherit (builtins) isAttrs;

  strangers = lib.mkOptionType {
    name = "strangers";
    description = "definitions that no option takes";
    merge = _: defs: { _strangers = defs; };
  };

  # Adds a line to the location of such a definition. The module system keeps only its file. The line is that
  # of the first name in it.
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

  # The problem of an unknown name. `misplaced` has advice for names of other tools and levels.
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
        } can have ${problem.names known}";
        example = problem.rename loc (problem.guess known name);
      }
      // special
      // {
        what = (special.what or (shown: "the option ${shown} does not exist")) (lib.showOption loc);
      }
    );
in
{
  # The freeform type of a module set. It collects the definitions that no option accepts in
  # `config._strangers`: [ { file; value; } ], so that these mistakes can be reported with all others.
  inherit strangers;

  # The problems of `_strangers`, found by comparing its definitions with the declared options.
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
