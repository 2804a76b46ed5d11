# The rollout policy options of the fleet (`defaults.rollout`) and of a tag (`tags.<name>.rollout`). An unset
# option is null, and the command line supplies its default.
#
# `default` is a function from the name of an option to the description of its default.
{
  lib,
  types,
  default,
}:
let
  inherit (lib) mkOption;

  policy = {
    waves = {
      type = types.waves;
      example = [
        1
        "10%"
        "50%"
        "100%"
      ];
      description = ''
        How many of the selected hosts are done after each wave: a number of hosts, or a percentage, which is rounded
        up. Each amount counts from the first host of the rollout: `[ 1 "10%" ]` changes one host first, then more
        hosts until a tenth of all hosts is done, then the rest. A wave begins after the previous wave has ended and
        soaked.
      '';
    };
    canary = {
      type = types.canary;
      example = [ "@canary" ];
      description = ''
        The hosts that change first, as a wave of their own: a number of hosts, or a list of expressions as for
        `--on`. A host is a canary if one of the expressions selects it. Canaries count in the amounts of `waves` like
        other hosts.
      '';
    };
    soak = {
      type = types.durationBetween {
        low = 0;
        high = 30 * 86400;
      };
      example = "5m";
      description = "How long a wave that changed something is watched before the next wave begins.";
    };
    maxParallel = {
      type = types.intBetween {
        noun = "a number of hosts";
        low = 1;
        high = 100000;
        placeholder = 1;
      };
      example = 50;
      description = "Maximum number of hosts that change at the same time. `--parallel` takes precedence.";
    };
    maxFailures = {
      type = types.amountFrom 0;
      example = "5%";
      description = ''
        How many hosts may fail or roll back by themselves: a number of hosts, or a percentage of the selected hosts,
        which is rounded down. If more hosts fail, no further host is started.
      '';
    };
    order = {
      type = types.oneOf types.shared.choices.rolloutOrder;
      example = "shuffled";
      description = ''
        The order of hosts, if `before` of their tags does not decide it. `name`: by name. `shuffled`: a random order
        that is the same in each rollout.
      '';
    };
    onFailure = {
      type = types.oneOf types.shared.choices.rolloutFailure;
      example = "rollback-wave";
      description = ''
        The reaction to more failures than `maxFailures` allows, after the hosts that have started have ended.
        `pause`: changed hosts stay changed. `rollback-wave`: the changed hosts of this wave return to their previous
        generation. `rollback-all`: all hosts that the rollout has changed return to their previous generation.
      '';
    };
    spread = {
      type = types.label;
      example = "rack";
      description = ''
        A dimension of tags, such as `rack` for `rack:a` and `rack:b`. Each wave then contains hosts of every value of
        the dimension, in proportion to the number of hosts with that value.
      '';
    };
    unreachable = {
      type = types.oneOf types.shared.choices.unreachable;
      example = "fail";
      description = ''
        How a host that does not answer counts. `skip`: the host is skipped, and the rollout continues. `fail`: the
        host counts as failed. In both cases, the exit code of the command is not 0.
      '';
    };
  };
in
lib.mapAttrs (
  name: option:
  mkOption (
    option
    // {
      type = types.nullOr option.type;
      default = null;
      defaultText = lib.literalMD (default name);
    }
  )
) policy
