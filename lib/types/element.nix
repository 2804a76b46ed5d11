# Elements that are not plain sets: a function, as in `files."/etc/x" = { name, config, ... }: { … }`, or an element of a
# collection to which a module adds options.
{ lib, strangers }:
let
  inherit (builtins)
    any
    attrNames
    functionArgs
    intersectAttrs
    isAttrs
    isFunction
    ;

  # Sets that only the module system can read.
  isModule =
    value:
    isAttrs value
    && any (name: value ? ${name}) [
      "_module"
      "config"
      "freeformType"
      "imports"
      "options"
    ];
in
{
  # Calls the functions among some definitions: { defs; isPlain; }. If `isPlain` is false, `defs` are unchanged, and only
  # the module system can read them. The results keep the lines of their definitions.
  call =
    args: defs:
    let
      isKnown = function: removeAttrs (functionArgs function) (attrNames args) == { };
      called =
        def:
        if !isFunction def.value then
          def
        else if functionArgs def.value == { } then
          def // { value = def.value args; }
        else
          def // { value = def.value (intersectAttrs (functionArgs def.value) args); };
      isPlain = def: !isFunction def.value || isKnown def.value && !isModule (called def).value;
    in
    if lib.all isPlain defs then
      {
        defs = map called defs;
        isPlain = true;
      }
    else
      {
        inherit defs;
        isPlain = false;
      };

  # Evaluates an element with the module system: all options, and the whole configuration. `modules` add to `fields`.
  evaluate =
    {
      fields,
      loc,
      modules,
    }:
    defs:
    lib.evalModules {
      prefix = loc;
      modules = [
        {
          options = fields;
          config._module = {
            args.name = lib.mkOptionDefault (lib.last loc);
            freeformType = strangers;
          };
        }
      ]
      ++ modules
      ++ map (
        def:
        {
          _file = def.file;
        }
        // (if isFunction def.value then { imports = [ def.value ]; } else { config = def.value; })
      ) defs;
    };
}
