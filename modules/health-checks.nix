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
        defaultText = lib.literalMD "`\"localhost\"`, and the host's own address for a check from the operator's side";
        example = "10.0.1.11";
        description = "A name or an address.";
      };
      port = mkOption {
        type = types.port;
        defaultText = lib.literalMD "none, it must be given";
        example = 5432;
        description = "The port that has to accept connections.";
      };
    };
  };

  kinds = types.shared.choices.checkProbe;

  # For how many seconds a unit must have been active.
  stableFor = check: if check.stableFor == null then 3 else check.stableFor;

  # The longest total time, in seconds, of a check with all its retries. It is limited because a change waits
  # for the check.
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
        description = "A unit that has to be active, and to have been without a break for `stableFor`.";
      };
      stableFor = mkOption {
        type = types.nullOr (seconds 0 600);
        default = null;
        defaultText = lib.literalMD "`\"3s\"`, of a `unit`";
        example = "30s";
        description = ''
          For how long the unit has to have been active. One that has been already is not waited for; one that is started
          again meanwhile fails.
        '';
      };
      http = mkOption {
        type = types.nullOr http;
        default = null;
        example = {
          url = "http://localhost:8080/health";
          bodyContains = "ready";
        };
        description = "A web server that has to answer.";
      };
      tcp = mkOption {
        type = types.nullOr tcp;
        default = null;
        example = {
          port = 5432;
        };
        description = "Something that has to accept connections.";
      };
      command = mkOption {
        type = types.nullOr (types.listOf types.argument);
        default = null;
        example = lib.literalExpression "[ \"\${pkgs.postgresql}/bin/pg_isready\" \"-q\" ]";
        description = ''
          A command that has to end with exit code 0, word by word and without a shell; the first word is a path. It runs as
          root on the host, or as you from the operator's side, with an environment of its own. A word may be a path beside the
          module, such as `./check.sh`.
        '';
      };
      interval = mkOption {
        type = seconds 1 600;
        default = 1;
        example = "5s";
        description = ''
          The longest pause between two attempts. The first pauses are shorter, from a twentieth of a second on, since most
          services need but a moment.
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
        description = "How often a check is tried again before it has failed.";
      };
      timeout = mkOption {
        type = seconds 1 600;
        default = 5;
        example = "30s";
        description = "How long one attempt may take.";
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
          From where it is tried: on the host itself, or where `nixfleet` runs, which also shows what firewalls and load
          balancers in between make of it.
        '';
      };
      onFailure = mkOption {
        type = types.oneOf types.shared.choices.checkFailure;
        default = "rollback";
        example = "continue";
        description = ''
          What a failure means for a change. `rollback`: it is undone. `stop`: it stands, the host counts as failed, and the
          change goes to no further hosts. `continue`: it stands, the host counts as partial, and the change goes on.
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
      What shows whether the host is healthy, each of one kind: `unit`, `http`, `tcp` or `command`. They are tried, all at
      once, by every apply, and by `nixfleet check`.
    '';
  };
}
