# All mistakes of a fleet and its hosts as one text, or null.
fleet:
let
  inherit (fleet)
    inputs
    intents
    lib
    types
    ;

  # A host whose modules throw cannot be checked here; it throws when it is evaluated itself.
  guarded =
    name:
    let
      inherit (intents.${name}) problems;
      tried = builtins.tryEval (types.context.inHost name (builtins.deepSeq problems problems));
    in
    if tried.success then tried.value else [ ];

  problems = fleet.problems ++ lib.concatMap guarded (lib.attrNames intents);
in
if problems == [ ] then
  null
else
  types.problem.render {
    root = if inputs ? self then toString inputs.self else null;
    inherit problems;
  }
