# Elements of a collection that are not plain sets. Such an element may be a function, for example
# `files."/etc/x" = { name, config, ... }: { … }`, or may have options that a module adds.
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

  # Whether only the module system can evaluate a value: a set with `imports`, `options` or `config`, or the
  # result of mkIf or a similar function.
  isModule =
    value:
    isAttrs value
    && any (name: value ? ${name}) [
      "_module"
      "_type"
      "config"
      "freeformType"
      "imports"
      "options"
    ];
in
{
  # Calls the functions among the definitions `defs` with `args`. Returns { defs; isPlain; }. If `isPlain` is
  # true, the returned `defs` have the results of the functions as their values, and keep their locations. If
  # `isPlain` is false, the returned `defs` are unchanged, and only the module system can evaluate them.
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

  # Evaluates an element with the module system, and returns all options and the whole configuration.
  # `modules` add options to `fields`. Functions among the definitions receive `value`, the final value, as
  # their `config`.
  evaluate =
    {
      fields,
      loc,
      modules,
      value,
    }:
    defs:
    let
      complete =
        function:
        lib.setFunctionArgs (args: function (args // { config = args.config // value; })) (
          functionArgs function
        );
    in
    lib.evalModules {
      prefix = loc;
      # The fields come last, because nixpkgs lets the last declaration of an option decide how all
      # declarations of the option are merged.
      modules =
        modules
        ++ map (
          def:
          {
            _file = def.file;
          }
          // (
            if isFunction def.value then { imports = [ (complete def.value) ]; } else { config = def.value; }
          )
        ) defs
        ++ [
          {
            _file = "NixFleet";
            options = fields;
            config._module = {
              args.name = lib.mkOptionDefault (lib.last loc);
              freeformType = strangers;
            };
          }
        ];
    };
}
