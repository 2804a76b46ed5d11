# Definitions that no option takes.
{ lib, problem }:
let
  inherit (builtins) isAttrs;

  strangers = lib.mkOptionType {
    name = "strangers";
    description = "definitions that no option takes";
    merge = _: defs: { _strangers = defs; };
  };

  unknown =
    loc: known: def:
    let
      name = lib.last loc;
      parent = lib.init loc;
    in
    problem.make {
      inherit loc def;
      what = "the option ${lib.showOption loc} does not exist";
      why = "${
        if parent == [ ] then "a module here" else lib.showOption parent
      } can have ${problem.names known}";
      example = problem.rename loc (problem.guess known name);
    };
in
{
  # As the freeform type of a module set it makes `config._strangers`: [ { file; value; } ], so that these mistakes can be
  # told together with all others.
  inherit strangers;

  # The problems of `_strangers`, found by walking the definitions beside the declared options.
  strangerProblems =
    options: defs:
    let
      walk =
        path: tree: def: value:
        lib.concatMap (
          name:
          if !(tree ? ${name}) then
            [ (unknown (path ++ [ name ]) (lib.attrNames (removeAttrs tree [ "_module" ])) def) ]
          else if lib.isOption tree.${name} then
            [ ]
          else
            walk (path ++ [ name ]) tree.${name} def value.${name}
        ) (if isAttrs value then lib.attrNames value else [ ]);
    in
    lib.concatMap (def: walk [ ] options (removeAttrs def [ "value" ]) def.value) defs;
}
