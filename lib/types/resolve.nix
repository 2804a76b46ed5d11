# Turns evaluated options into their values and problems.
{
  context,
  lib,
  problem,
}:
let
  # The problem of an option that has no default and that no module sets.
  undefined =
    option:
    problem.make {
      inherit (option) loc;
      def.file = lib.head option.declarations;
      what = "${lib.showOption option.loc} has no value";
      why = "it has no default, and no module sets it";
    };

  # Returns { value; problems; } of one option.
  resolveOption =
    option:
    let
      resolve = option.type.resolveNow or option.type.resolve;
      found =
        if option.definitionsWithLocations == [ ] then
          {
            value = option.type.placeholder or null;
            problems = [ (undefined option) ];
          }
        else
          resolve option.loc option.definitionsWithLocations;
      result = if option ? apply then found // { value = option.apply found.value; } else found;
    in
    if context.inOption option.loc (result.problems == [ ]) then
      result
    else
      result
      // {
        problems = map (problem.withExample option.loc option) result.problems;
      };
in
{
  inherit resolveOption;

  # Returns { value; problems; } of one option of any type. A user's module may declare options with types
  # that are not NixFleet's. A mistake in the value of such an option is thrown at once and not collected.
  resolveAny =
    option:
    if option.type ? resolve then
      resolveOption option
    else
      {
        inherit (option) value;
        problems = [ ];
      };

  # The problems of all options in a tree that have NixFleet types. Options with other types, which users'
  # modules may declare, throw their own errors.
  optionProblems =
    options:
    lib.concatMap (option: if option.type ? resolve then (resolveOption option).problems else [ ]) (
      lib.collect lib.isOption (removeAttrs options [ "_module" ])
    );
}
