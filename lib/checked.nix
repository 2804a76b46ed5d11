# A value of a fleet, or all its mistakes thrown as one text.
#
# `checked fleet names value` looks at the inventory and at the hosts in `names` alone, so that one host costs one host's
# evaluation. Only when something is wrong are all hosts looked at, so that everything is told at once.
fleet: names: value:
let
  inherit (fleet)
    inputs
    intents
    lib
    types
    ;

  ofHosts = lib.concatMap (name: intents.${name}.problems);

  # A host whose modules throw by themselves cannot be looked at; that host says so when it is its turn.
  guarded =
    name:
    let
      tried = builtins.tryEval (
        let
          inherit (intents.${name}) problems;
        in
        builtins.deepSeq problems problems
      );
    in
    if tried.success then tried.value else [ ];

  everything = fleet.problems ++ lib.concatMap guarded (lib.attrNames intents);
in
if fleet.problems == [ ] && ofHosts names == [ ] then
  value
else
  throw (
    types.problem.render {
      root = if inputs ? self then toString inputs.self else null;
      problems = everything;
    }
  )
