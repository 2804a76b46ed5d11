# Functions on the fields of a record: their options, missing fields and unknown names.
{ lib, problem }:
let
  inherit (builtins) attrNames mapAttrs;

  # Joins the lines of a text. The description of a field may have several lines, but the reason in a message
  # is one line.
  onOneLine =
    text: lib.concatStringsSep " " (lib.filter (line: line != "") (lib.splitString "\n" text));

  # The example of a field. If the field has no example, the example is `…`.
  exampleOf =
    field:
    field.example or {
      _type = "literalExpression";
      text = "…";
    };
in
{
  # Returns the field with its example. If the field has no example, the example `…` is added.
  exampleOf = field: field // { example = exampleOf field; };

  # The fields as options, for the documentation.
  subOptions =
    prefix:
    mapAttrs (
      name: field:
      field
      // {
        loc = prefix ++ [ name ];
        declarations = [ ];
      }
    );

  # The result for a required field that is missing. A field without a default is required.
  missing =
    loc: name: field: def:
    let
      path = loc ++ [ name ];
    in
    {
      value = field.type.placeholder or null;
      problems = [
        (problem.make {
          loc = path;
          inherit def;
          what = "${lib.showOption loc} has no ${name}";
          why = onOneLine (field.description or "it has no default");
          example = problem.assign path (exampleOf field);
        })
      ];
    };

  # The problems of unknown names, each with the name that was probably meant.
  unknown =
    loc: names: guessOf: def:
    map (
      name:
      let
        guess = guessOf name;
      in
      {
        inherit guess;
        problem = problem.make {
          loc = loc ++ [ name ];
          def = def // {
            parent = def.value;
            attr = name;
          };
          what = "the option ${lib.showOption (loc ++ [ name ])} does not exist";
          why = "${lib.showOption loc} can have ${problem.optionNames names}";
          example = problem.rename (loc ++ [ name ]) guess;
        };
      }
    ) (attrNames (removeAttrs def.value names));
}
