# Types of single values, and of lists of them.
#
# Every type here is an option type of nixpkgs' module system that never throws, with the additional function
# `resolve loc definitions`, which returns { value; problems; }. So all mistakes of a fleet can be reported at
# once, whereas the module system's own types stop at the first mistake. A placeholder of the same type
# replaces a wrong value, so that the rest of the fleet can still be checked. Nothing made from a placeholder
# is ever used, because the problems are thrown first.
{
  lib,
  definitions,
  foreign,
  problem,
}:
let
  inherit (builtins)
    head
    isAttrs
    isBool
    isInt
    isList
    isString
    tail
    ;

  none = [ ];
in
rec {
  # Makes an option type from a function `resolve`.
  fromResolve =
    {
      name,
      description,
      resolve,
      getSubOptions ? (_: { }),
      nestedTypes ? { },
    }:
    lib.mkOptionType {
      inherit
        name
        description
        getSubOptions
        nestedTypes
        ;
      merge = loc: defs: (resolve loc defs).value;
    }
    // {
      inherit resolve;
    };

  mustBe =
    loc: def: description:
    problem.make {
      inherit loc def;
      what = "${lib.showOption loc} must be ${description}, but is ${problem.describe def.value}";
    };

  # The type of a single value. `accepts` says whether a value is correct. `description` completes the message
  # "must be …".
  scalar =
    {
      name,
      description,
      accepts,
      placeholder,
    }:
    let
      resolve =
        loc: defs:
        let
          wrong = lib.filter (def: !accepts def.value) defs;
          values = lib.unique (map (def: def.value) defs);
        in
        if tail defs == none && accepts (head defs).value then
          {
            inherit (head defs) value;
            problems = none;
          }
        else if wrong != none then
          {
            value = placeholder;
            problems = map (def: mustBe loc def description) wrong;
          }
        else
          {
            value = head values;
            problems = lib.optional (tail values != none) (disagreement loc defs);
          };
    in
    fromResolve { inherit name description resolve; }
    // {
      inherit accepts placeholder;
    };

  disagreement =
    loc: defs:
    problem.make {
      inherit loc;
      def = lib.last defs;
      what = "${lib.showOption loc} has ${toString (lib.length defs)} different values";
      why = "it is defined in ${
        lib.concatStringsSep " and in " (lib.unique (map (def: def.file) defs))
      }; say which definition wins";
      example = "${lib.showOption loc} = lib.mkForce ${
        lib.generators.toPretty { multiline = false; } (head defs).value
      };";
    };

  # A string that matches a regular expression as a whole.
  matching =
    {
      name,
      description,
      regex,
      placeholder,
    }:
    scalar {
      inherit name description placeholder;
      accepts = value: isString value && builtins.match regex value != null;
    };

  bool = scalar {
    name = "bool";
    description = "true or false";
    accepts = isBool;
    placeholder = false;
  };

  string = scalar {
    name = "string";
    description = "a string";
    accepts = isString;
    placeholder = "";
  };

  # A string of one line. It is for values that are written to files in which a line break would start another
  # entry.
  line = scalar {
    name = "line";
    description = "a string of one line";
    accepts = value: isString value && builtins.match "[^\n]*" value != null;
    placeholder = "";
  };

  # A string of one line that is not blank. It is for text that is displayed, and for commands.
  filledLine = scalar {
    name = "filledLine";
    description = "a string of one line that is not empty";
    accepts = value: line.accepts value && builtins.match "[[:space:]]*" value == null;
    placeholder = "-";
  };

  # The comment field of /etc/passwd. It must not contain a colon, which would start another field.
  comment = scalar {
    name = "comment";
    description = "a string of one line without \":\" and without control characters";
    accepts = value: isString value && builtins.match "[^:[:cntrl:]]*" value != null;
    placeholder = "";
  };

  # A word of a command. If the word is a Nix path, the copy of the file in the store replaces the path.
  argument = scalar {
    name = "argument";
    description = "a string of one line or a path";
    accepts = value: builtins.isPath value || line.accepts value;
    placeholder = "";
  };

  intBetween =
    {
      noun,
      low,
      high,
      placeholder,
    }:
    scalar {
      name = "intBetween";
      description = "${noun} from ${toString low} to ${toString high}";
      accepts = value: isInt value && value >= low && value <= high;
      inherit placeholder;
    };

  oneOf =
    values:
    scalar {
      name = "oneOf";
      description = "one of ${lib.concatMapStringsSep ", " builtins.toJSON values}";
      accepts = value: isString value && lib.elem value values;
      placeholder = head values;
    };

  # Text that several modules may add to. The parts are joined by line breaks.
  text =
    fromResolve {
      name = "text";
      description = "a string";
      resolve =
        loc: defs:
        let
          wrong = lib.filter (def: !isString def.value) defs;
        in
        {
          value = if wrong == none then lib.concatMapStringsSep "\n" (def: def.value) defs else "";
          problems = map (def: mustBe loc def "a string") wrong;
        };
    }
    // {
      accepts = isString;
    };

  nullOr =
    given:
    let
      type = foreign given;
    in
    lib.optionalAttrs (type ? accepts) { accepts = value: value == null || type.accepts value; }
    # For the value null, `read` of the inner type returns null, as it does for a wrong value. Then `resolve`
    # checks the value, and accepts null.
    // lib.optionalAttrs (type ? read) { inherit (type) read; }
    // lib.optionalAttrs (type ? fieldNames) { inherit (type) fieldNames; }
    // fromResolve {
      name = "nullOr";
      description = "null or ${type.description}";
      getSubOptions = type.getSubOptions;
      nestedTypes.elemType = type;
      resolve =
        loc: defs:
        let
          given = lib.filter (def: def.value != null) defs;
        in
        if tail defs == none && (head defs).value != null then
          type.resolve loc defs
        else if given == none then
          {
            value = null;
            problems = none;
          }
        else
          type.resolve loc given;
    };

  # A list. If several modules define lists, the lists are joined. An element may be the result of mkIf,
  # mkMerge or a similar function.
  listOf =
    given:
    let
      element = foreign given;
    in
    lib.optionalAttrs (element ? accepts) {
      accepts = value: isList value && lib.all element.accepts value;
    }
    // fromResolve {
      name = "listOf";
      description = "a list, each element ${element.description}";
      nestedTypes.elemType = element;
      resolve =
        loc: defs:
        let
          wrongIn =
            def: value:
            problem.make {
              inherit loc def;
              what = "each element of ${lib.showOption loc} must be ${element.description}, but one is ${problem.describe value}";
            };
          ofOne =
            def: value:
            if definitions.isProperty value || !(element ? accepts) then
              ofProperty def (definitions.settle loc [ (def // { inherit value; }) ])
            else
              {
                values = [ value ];
                problems = lib.optional (!element.accepts value) (wrongIn def value);
              };
          ofProperty =
            def: settled:
            let
              wrong = lib.filter (each: element ? accepts && !element.accepts each.value) settled;
              result = element.resolve loc settled;
            in
            if settled == none then
              {
                values = none;
                problems = none;
              }
            else if wrong != none then
              {
                values = none;
                problems = map (each: wrongIn def each.value) wrong;
              }
            else
              {
                values = [ result.value ];
                inherit (result) problems;
              };
          strange = lib.filter (def: !isList def.value) defs;
          elements = lib.concatMap (def: map (ofOne def) def.value) (lib.filter (def: isList def.value) defs);
          problems =
            map (def: mustBe loc def "a list, each element ${element.description}") strange
            ++ lib.concatMap (each: each.problems) elements;
        in
        # Most lists are empty, so an empty list is handled first, which is fast.
        if tail defs == none && (head defs).value == none then
          {
            value = none;
            problems = none;
          }
        else
          {
            value = if problems == none then lib.concatMap (each: each.values) elements else none;
            inherit problems;
          };
    };

  package = scalar {
    name = "package";
    description = "a package";
    accepts = value: isAttrs value && value.type or null == "derivation";
    placeholder = null;
  };
}
