# The waves of a rollout: the number or percentage of hosts that are done after each wave, counted from the
# first host of the rollout.
{
  lib,
  problem,
  scalar,
  amountFrom,
}:
let
  amounts = scalar.listOf (amountFrom 1);

  rises = numbers: numbers == lib.unique (lib.sort builtins.lessThan numbers);

  # Whether each wave adds hosts. How many hosts a percentage means depends on how many hosts are selected, so
  # a number cannot be compared with a percentage. Numbers are compared only with numbers, and percentages
  # only with percentages.
  grows =
    waves:
    let
      inherit (lib.partition builtins.isInt waves) right wrong;
      parts = map (part: lib.toInt (lib.removeSuffix "%" part)) wrong;
    in
    rises right && rises parts && !lib.elem "100%" (lib.init ([ 0 ] ++ waves));

  standsStill =
    loc: def:
    problem.make {
      inherit loc def;
      what = "a wave of ${lib.showOption loc} would have no hosts: it is ${
        lib.concatMapStringsSep ", " toString def.value
      }";
      why = "each number is the total number of hosts after that wave, so each number must be larger than the number before it; [ 1 2 3 ] means three waves of one host each, then all other hosts";
    };
in
{
  waves =
    scalar.fromResolve {
      name = "waves";
      description = "a growing list, each element ${(amountFrom 1).description}";
      nestedTypes.elemType = amountFrom 1;
      resolve =
        loc: defs:
        let
          result = amounts.resolve loc defs;
        in
        if result.problems != [ ] || grows result.value then
          result
        else
          {
            value = [ ];
            problems = [ (standsStill loc (lib.last defs // { inherit (result) value; })) ];
          };
    }
    // {
      accepts = value: amounts.accepts value && grows value;
    };
}
