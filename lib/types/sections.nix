# The sections of a systemd unit, by name, each with its settings.
{
  lib,
  definitions,
  problem,
  scalar,
  entries,
}:
let
  # Whether a value fits on one line. A line break in the value would start another setting of the unit.
  single =
    value:
    scalar.line.accepts value
    || lib.isInt value
    || lib.isBool value
    || builtins.isPath value
    || lib.isDerivation value;
  accepts = value: single value || (lib.isList value && lib.all single value);
  description = "a string of one line, a number, a boolean, or a list of them for a setting that repeats";

  word = scalar.matching {
    name = "word";
    description = "a word of letters, digits and \"-\"";
    regex = "[A-Za-z][A-Za-z0-9-]*";
    placeholder = "X-None";
  };

  # The sections that are documented in systemd.unit(5) and in the pages that it refers to.
  known = [
    "Automount"
    "Install"
    "Mount"
    "Path"
    "Service"
    "Slice"
    "Socket"
    "Swap"
    "Timer"
    "Unit"
  ];
  sectionName = scalar.scalar {
    name = "sectionName";
    description = "one of ${lib.concatStringsSep ", " known}, or begin with \"X-\"";
    accepts = value: lib.elem value known || lib.hasPrefix "X-" value;
    placeholder = "X-None";
  };

  # The type of a setting. If all modules set it to a list, the lists are joined. Otherwise all modules must
  # set it to the same value.
  setting =
    scalar.fromResolve {
      name = "setting";
      inherit description;
      resolve =
        loc: given:
        let
          # An element of a list may be the result of mkIf.
          ofElement =
            def: value:
            if definitions.isProperty value then
              map (each: each.value) (definitions.settle loc [ (def // { inherit value; }) ])
            else
              [ value ];
          defs = map (
            def:
            if lib.isList def.value then def // { value = lib.concatMap (ofElement def) def.value; } else def
          ) given;
          wrong = lib.filter (def: !accepts def.value) defs;
          lists = lib.all (def: lib.isList def.value) defs;
          values = lib.unique (map (def: def.value) defs);
        in
        if wrong != [ ] then
          {
            value = "";
            problems = map (
              def: scalar.mustBe loc def description // { example = "${lib.showOption loc} = \"…\";"; }
            ) wrong;
          }
        else if lists then
          {
            value = lib.concatMap (def: def.value) defs;
            problems = [ ];
          }
        else
          {
            value = lib.head values;
            problems = lib.optional (lib.tail values != [ ]) (scalar.disagreement loc defs);
          };
    }
    // {
      inherit accepts;
    };
in
{
  sections = entries {
    description = "a set of sections";
    key = sectionName;
    keyExample = "Service";
    correct =
      name:
      let
        guess = problem.guess known name;
      in
      if guess == null then "Service" else guess;
    element = entries {
      description = "a set of settings";
      key = word;
      keyExample = "ExecStart";
      element = setting;
    };
  };
}
