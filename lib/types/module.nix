# A module of the module system as a value, such as a role.
{ lib, scalar }:
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
        right = def: lib.isList def.value && lib.all accepts def.value;
        wrong = lib.filter (def: !right def) defs;
      in
      {
        value = lib.concatMap (
          def: map (value: located (def // { inherit value; })) (if right def then def.value else [ ])
        ) defs;
        problems = map (def: scalar.mustBe loc def "a list of modules") wrong;
      };
  };
}
