# `nixfleet.healthChecks.<name>`: checks that show whether the host is healthy.
{ lib, types }:
let
  inherit (lib) mkOption;

  http = import ./http-check.nix { inherit lib types; };

  tcp = types.record {
    description = "a set with port";
    fields = {
      host = mkOption {
        type = types.nullOr types.address;
        default = null;
        defaultText = lib.literalMD "`\"localhost\"`; for a check with `from = \"operator\"`, the address of the host";
        example = "10.0.1.11";
        description = "The name or address to connect to.";
      };
      port = mkOption {
        type = types.port;
        defaultText = lib.literalMD "none: the option must be set";
        example = 5432;
        description = "The TCP port that must accept connections.";
      };
    };
  };

  kinds = types.shared.choices.checkProbe;

  # For how many seconds the unit of a check must have been active: 3 by default.
  stableFor = check: if check.stableFor == null then 3 else check.stableFor;

  # The limit, in seconds, for the total time of a check with all its retries. There is a limit because a
  # change waits until the check ends.
  longest = types.shared.limits.checkSeconds;

  mostOf =
    check:
    check.startDelay
    + (check.retries + 1) * (check.timeout + (if check.unit == null then 0 else stableFor check))
    + check.retries * check.interval;

  checkKind =
    { loc, value, ... }@definition:
    let
      given = lib.filter (kind: value.${kind} != null) kinds;
      here = lib.showOption loc;
      mistake = types.problem.at definition;
      total = mostOf value;
    in
    lib.optional (given == [ ]) (
      types.problem.about kinds (
        mistake "${here} checks nothing" "a health check needs one of ${lib.concatStringsSep ", " kinds}"
          "${here}.http.url = \"http://localhost:8080/\";"
      )
    )
    ++ lib.optional (lib.length given > 1) (
      mistake "${here} has ${lib.concatStringsSep " and " given}" "a health check is of one kind"
        "${here} = { ${lib.head given} = …; };"
    )
    ++ lib.optional (value.unit == null && value.stableFor != null) (
      types.problem.about [ "unit" ] (
        mistake "${here} has stableFor without a unit" "only a unit can be stable"
          "${here}.unit = \"web.service\";"
      )
    )
    ++ lib.optional (value.unit != null && value.from == "operator") (
      mistake "${here} checks a unit from the operator's machine" "units can be checked only on the host"
        "${here}.from = \"host\";"
    )
    ++ lib.optional (value.command != null && !types.namesProgram value.command) (
      types.problem.about [ "command" ] (
        mistake "${here}.command does not start with the absolute path of a program"
          "it runs without a shell and without a search path for programs"
          "${here}.command = [ \"/usr/bin/pg_isready\" ];"
      )
    )
    ++ lib.optional (total > longest) (
      mistake "${here} could take ${toString total} s to fail"
        "a change waits for it at most ${toString longest} s"
        "${here}.retries = 3;"
    );

  seconds =
    low: high:
    types.durationBetween {
      inherit low high;
    };

  check = types.record {
    description = "a set that describes a health check";
    complete = _: check: check // { stableFor = stableFor check; };
    check = checkKind;
    elsewhere = {
      exec = "command";
      script = "command";
      service = "unit";
      attempts = "retries";
      delay = "startDelay";
    };
    fields = {
      unit = mkOption {
        type = types.nullOr types.unitName;
        default = null;
        example = "web.service";
        description = "A unit that must be active, and must have been active without interruption for `stableFor`.";
      };
      stableFor = mkOption {
        type = types.nullOr (seconds 0 600);
        default = null;
        defaultText = lib.literalMD "`\"3s\"` for a check of a `unit`";
        example = "30s";
        description = ''
          How long the unit must have been active without interruption. A unit that has already been active for this
          long passes at once. A unit that is restarted while the check waits fails.
        '';
      };
      http = mkOption {
        type = types.nullOr http;
        default = null;
        example = {
          url = "http://localhost:8080/health";
          bodyContains = "ready";
        };
        description = "A web server that must answer a request.";
      };
      tcp = mkOption {
        type = types.nullOr tcp;
        default = null;
        example = {
          port = 5432;
        };
        description = "A TCP port that must accept connections.";
      };
      command = mkOption {
        type = types.nullOr (types.listOf types.argument);
        default = null;
        example = lib.literalExpression "[ \"\${pkgs.postgresql}/bin/pg_isready\" \"-q\" ]";
        description = ''
          A command that must end with exit code 0. It is a list of words, which no shell interprets. The first word is
          the path of the program. The command runs as root on the host or, with `from = "operator"`, as the user who
          runs `nixfleet`. Its environment contains only `PATH` and `LC_ALL`. A word may be a path relative to the
          module, such as `./check.sh`.
        '';
      };
      interval = mkOption {
        type = seconds 1 600;
        default = 1;
        example = "5s";
        description = ''
          The longest pause between two attempts. The pauses start at a twentieth of a second and become longer up to
          this limit, because most services are ready after a moment.
        '';
      };
      retries = mkOption {
        type = types.intBetween {
          noun = "a number";
          low = 0;
          high = 1000;
          placeholder = 0;
        };
        default = 8;
        example = 30;
        description = "How often a failed attempt is repeated before the check fails.";
      };
      timeout = mkOption {
        type = seconds 1 600;
        default = 5;
        example = "30s";
        description = "Time limit for one attempt.";
      };
      startDelay = mkOption {
        type = seconds 0 600;
        default = 0;
        example = "10s";
        description = "How long to wait before the first attempt.";
      };
      from = mkOption {
        type = types.oneOf types.shared.choices.checkSide;
        default = "host";
        example = "operator";
        description = ''
          The machine on which the check runs: `host` is the host itself, `operator` is the machine on which `nixfleet`
          runs. A check on the operator's machine also covers the firewalls and load balancers between that machine and
          the host.
        '';
      };
      onFailure = mkOption {
        type = types.oneOf types.shared.choices.checkFailure;
        default = "rollback";
        example = "continue";
        description = ''
          The effect of a failed check on a change. `rollback`: the change is rolled back. `stop`: the change stays in
          place, the host counts as failed, and the rollout changes no further hosts. `continue`: the change stays in
          place, the host counts as partial, and the rollout continues.
        '';
      };
    };
  };
in
{
  _file = ./health-checks.nix;

  options.nixfleet.healthChecks = mkOption {
    type = types.entries {
      description = "a set of health checks by name";
      key = types.checkName;
      keyExample = "web";
      element = check;
    };
    default = { };
    example = {
      web.http.url = "http://localhost:8080/";
    };
    description = ''
      Checks that show whether the host is healthy. Each check has one kind: `unit`, `http`, `tcp` or `command`.
      Every apply and every `nixfleet check` runs all checks of a host at the same time.
    '';
  };
}
