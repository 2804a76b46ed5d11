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
        How many of the selected hosts are done after each wave, in numbers or as parts, which are rounded up. They count
        from the first host: `[ 1 "10%" ]` changes one host, then as many more as make a tenth of all, then the rest. A
        wave begins when the one before has ended and soaked.
      '';
    };
    canary = {
      type = types.canary;
      example = [ "@canary" ];
      description = ''
        The hosts that go first, as a wave of their own: those that one of the expressions selects, written as for
        `--on`, or a number of hosts. They count in `waves` like any other.
      '';
    };
    soak = {
      type = types.durationBetween {
        low = 0;
        high = 30 * 86400;
      };
      example = "5m";
      description = "How long a wave in which something changed is watched before the next one begins.";
    };
    maxParallel = {
      type = types.intBetween {
        noun = "a number of hosts";
        low = 1;
        high = 100000;
        placeholder = 1;
      };
      example = 50;
      description = "How many hosts are changed at once. `--parallel` has the last word.";
    };
    maxFailures = {
      type = types.amountFrom 0;
      example = "5%";
      description = ''
        How many hosts may fail or go back by themselves before no further one is begun: a number, or a part of the
        selected hosts, which is rounded down.
      '';
    };
    order = {
      type = types.oneOf types.shared.choices.rolloutOrder;
      example = "shuffled";
      description = ''
        In which order hosts are taken where no tag comes before another: by name, or as if drawn, but each time the same.
      '';
    };
    onFailure = {
      type = types.oneOf types.shared.choices.rolloutFailure;
      example = "rollback-wave";
      description = ''
        What follows when too many hosts have failed and those that were begun have ended. `pause`: what is done stays.
        `rollback-wave`: the hosts of that wave go back to the generation before. `rollback-all`: all hosts do that the
        rollout has changed.
      '';
    };
    spread = {
      type = types.label;
      example = "rack";
      description = ''
        A dimension of tags, `rack` for `rack:a` and `rack:b`: each wave takes hosts from all its values, from each as
        many as is its share.
      '';
    };
    unreachable = {
      type = types.oneOf types.shared.choices.unreachable;
      example = "fail";
      description = ''
        What a host counts as that does not answer. `skip`: as left out, the others go on. `fail`: as failed. The command
        does not end with 0 either way.
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
