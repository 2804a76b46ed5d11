# A collection of elements by name. The type is like `attrsOf` in nixpkgs, but the names of the elements have
# a type too.
#
# As in a record, `read` returns the collection if the value is correct as it is, and null otherwise.
# `resolveNow` is a variant of `resolve` for callers that need all elements.
{
  lib,
  context,
  definitions,
  foreign,
  problem,
  scalar,
}:
let
  inherit (builtins)
    all
    attrNames
    concatMap
    head
    isAttrs
    mapAttrs
    tail
    ;

  none = [ ];

  # The type of a collection. `key` is the type of the names. The message about a wrong name shows a correct
  # name as an example: the result of `correct` if this is a valid name, and `keyExample` otherwise.
  entries =
    {
      description,
      key,
      keyExample,
      correct ? (_: keyExample),
      element,
    }@args:
    let
      wrongKey =
        loc: def: name:
        let
          path = loc ++ [ name ];
          here = lib.showOption path;
          corrected = correct name;
          right = if key.accepts corrected then corrected else keyExample;
          # Why a name is refused although its form is correct, such as a reserved path: { why; help; }, or
          # null.
          refusal = if key ? refusal then key.refusal name else null;
        in
        problem.make (
          {
            loc = path;
            inherit def;
          }
          // (
            if refusal != null then
              {
                what = "${here} cannot be declared";
                inherit (refusal) why help;
              }
            else
              {
                what = "the name in ${here} must be ${key.description}";
                example = "${lib.showOption (loc ++ [ right ])} = …;";
              }
          )
        );

      readElement =
        if element ? read then
          element.read
        else if element ? accepts then
          _: value: if element.accepts value then value else null
        else
          _: _: null;

      read =
        _: value:
        let
          elements = mapAttrs readElement value;
        in
        if
          isAttrs value
          && !(value ? _type)
          && all (name: context.inEntry name (elements.${name} != null && key.accepts name)) (attrNames value)
        then
          elements
        else
          null;

      resolveElement =
        readFirst: loc: name: defs:
        let
          direct = if tail defs == none then readFirst name (head defs).value else null;
          path = loc ++ [ name ];
          settled = definitions.settle path defs;
          result =
            if direct != null then
              {
                value = direct;
                problems = none;
              }
            else
              (foreign element).resolve path settled;
        in
        context.inEntry name (
          if direct == null && settled == none then
            null
          else if key.accepts name then
            result
          else
            result // { problems = [ (wrongKey loc (head defs) name) ] ++ result.problems; }
        );

      resolveWith =
        readFirst: loc: defs:
        let
          sets = lib.filter (def: isAttrs def.value) defs;
          strange = lib.filter (def: !isAttrs def.value) defs;
          elements = mapAttrs (resolveElement readFirst loc) (definitions.byName sets);
          # If mkIf removes all definitions of an element, the element is left out.
          results = removeAttrs elements (lib.filter (name: elements.${name} == null) (attrNames elements));
        in
        {
          value = mapAttrs (_: result: result.value) results;
          problems =
            concatMap (name: context.inEntry name results.${name}.problems) (attrNames results)
            ++ map (def: scalar.mustBe loc def description) strange;
        };
    in
    scalar.fromResolve {
      name = "entries";
      inherit description;
      resolve = resolveWith (_: _: null);
      getSubOptions = prefix: element.getSubOptions (prefix ++ [ "<name>" ]);
      nestedTypes.elemType = element;
    }
    // {
      inherit read;

      functor = {
        name = "entries";
        wrapped = null;
        payload = args;
      };
      # Merges this type with the type of another declaration of the same option. The other type must be a
      # NixFleet collection or a collection of nixpkgs. The element types of the two collections are merged.
      typeMerge =
        functor:
        let
          theirs =
            if functor.name == "entries" then
              functor.payload.element
            else if
              lib.elem functor.name [
                "attrsOf"
                "attrsWith"
                "lazyAttrsOf"
              ]
            then
              functor.payload.elemType or functor.wrapped
            else
              null;
          merged = if theirs == null then null else element.typeMerge theirs.functor;
        in
        if merged == null then null else entries (args // { element = merged; });

      # Most collections have one definition and no mistake, so `read` is tried first. All other collections
      # are resolved element by element.
      resolveNow =
        loc: defs:
        let
          whole = if tail defs == none then read null (head defs).value else null;
        in
        if whole != null then
          {
            value = whole;
            problems = none;
          }
        else
          resolveWith readElement loc defs;
    };
in
entries
