# Unknown names: definitions that no option accepts.
{ lib, problem }:
let
  inherit (builtins) isAttrs;

  strangers = lib.mkOptionType {
    name = "strangers";
    description = "definitions that no option takes";
    merge = _: defs: { _strangers = defs; };
  };

  # The module system keeps the file of such a definition. Its line is that of its first name.
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

  # `misplaced` knows names of other tools and levels.
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
  # The freeform type of a module set. It makes `config._strangers`: [ { file; value; } ], so that these
  # mistakes can be reported with all others.
  inherit strangers;

  # The problems of `_strangers`: compares the definitions with the declared options.
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
