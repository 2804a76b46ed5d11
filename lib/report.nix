# Every mistake of a fleet and its hosts as one text, or null where there is none.
fleet:
let
  inherit (fleet)
    inputs
    intents
    lib
    types
    ;

  # A host whose modules throw by themselves cannot be looked at; it says so when it is its turn.
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
