# Types whose values are modules of the module system, such as roles.
{
  lib,
  problem,
  scalar,
}:
let
  inherit (builtins) isAttrs;

  description = "a module: a path, a set or a function";
  accepts =
    value:
    builtins.isPath value
    || isAttrs value
    || lib.isFunction value
    || (lib.isString value && lib.hasPrefix "/" value);

  # Adds the file of a definition to its module, so that messages can show it. lib.setDefaultModuleLocation
  # does the same, but wraps the module in another module, and each module costs time for each host. A module
  # that is given as a path has a location already.
  located =
    def:
    let
      place = module: { _file = def.file; } // module;
    in
    if lib.isFunction def.value then
      lib.setFunctionArgs (args: place (def.value args)) (lib.functionArgs def.value)
    else if isAttrs def.value then
      place def.value
    else
      def.value;
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
          value =
            if wrong != [ ] then
              { }
            else if lib.tail defs == [ ] then
              located (lib.head defs)
            else
              { imports = map located defs; };
          problems = map (def: scalar.mustBe loc def description) wrong;
        };
    }
    // {
      placeholder = { };
    };

  # A list of modules. The lists of all definitions are joined.
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
