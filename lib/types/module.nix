# A module of the module system as a value, such as a role.
{
  lib,
  problem,
  scalar,
}:
let
  description = "a module: a path, a set or a function";
  accepts =
    value:
    builtins.isPath value
    || builtins.isAttrs value
    || lib.isFunction value
    || (lib.isString value && lib.hasPrefix "/" value);
  located = def: lib.setDefaultModuleLocation def.file def.value;
in
{
  module =
    scalar.fromResolve {
      name = "module";
      inherit description;
      resolve =
        loc: defs:
        let
          wrong = lib.filter (def: !accepts def.value) defs;
        in
        {
          value = {
            imports = if wrong == [ ] then map located defs else [ ];
          };
          problems = map (def: scalar.mustBe loc def description) wrong;
        };
    }
    // {
      placeholder = { };
    };

  # Modules of several definitions are all imported.
  modules = scalar.fromResolve {
    name = "modules";
    description = "a list of modules";
    resolve =
      loc: defs:
      let
        lists = lib.filter (def: lib.isList def.value) defs;
        elements = lib.concatMap (def: map (value: def // { inherit value; }) def.value) lists;
        wrong = lib.filter (def: !accepts def.value) elements;
      in
      {
        value = if wrong == [ ] then map located elements else [ ];
        problems =
          map (def: scalar.mustBe loc def "a list of modules") (lib.filter (def: !lib.isList def.value) defs)
          ++ map (
            def:
            problem.make {
              inherit loc def;
              what = "each element of ${lib.showOption loc} must be ${description}, but one is ${problem.describe def.value}";
            }
          ) wrong;
      };
  };
}
