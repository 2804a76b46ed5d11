# Returns all mistakes of a fleet and its hosts as one text, or null.
fleet:
let
  inherit (fleet)
    inputs
    intents
    lib
    types
    ;

  # The problems of a host. If the host's modules throw an error, only the mistakes in options that can be
  # evaluated are reported. The error itself appears when the host is evaluated alone.
  guarded =
    name:
    let
      inherit (intents.${name}) options problems;
      try = problems: builtins.tryEval (types.context.inHost name (builtins.deepSeq problems problems));
      tried = try problems;
      # The mistakes of one option, or no mistakes if the option cannot be evaluated.
      ofOption =
        option:
        let
          alone = try (types.optionProblems { inherit option; });
        in
        if alone.success then map (problem: problem // { host = name; }) alone.value else [ ];
      declared = lib.collect lib.isOption (removeAttrs options [ "_module" ]);
    in
    if tried.success then tried.value else lib.concatMap ofOption declared;

  problems = fleet.problems ++ lib.concatMap guarded (lib.attrNames intents);
in
if problems == [ ] then
  null
else
  types.problem.render {
    root = if inputs ? self then toString inputs.self else null;
    inherit problems;
  }
