# The timeouts of hosts: `defaults.timeouts` and `hosts.<name>.timeouts`.
{ lib, types }:
let
  inherit (lib) mkOption;

  day = 86400;

  # The timeouts by name, each with its bounds in seconds. `what` completes "How long to wait …" in the
  # description.
  timeouts = {
    connect = {
      # After about this time, TCP itself stops trying to connect.
      high = 600;
      example = "30s";
      what = "until the host accepts an SSH connection. `--connect-timeout` takes precedence";
    };
    silence = {
      low = 3;
      high = 3600;
      example = "1m";
      what = "for any data from the host, including keepalive replies, before the connection counts as broken";
    };
    answer = {
      high = day;
      example = "10m";
      what = "until the host has reported its state, or a plan";
    };
    copy = {
      high = 7 * day;
      example = "12h";
      what = "until a closure has been copied to the host";
    };
    change = {
      high = 7 * day;
      example = "3h";
      what = "until the host has made a change and run its health checks, or has run only the health checks";
    };
    rejoin = {
      high = day;
      example = "10m";
      what = ''
        for a host whose connection broke during a change, in addition to the time after which the host rolls back by
        itself. Allow enough time for the host to boot'';
    };
    boot = {
      high = day;
      example = "30m";
      what = "until a host that is rebooted has shut down, booted and started its units";
    };
  };

  type =
    {
      low ? 1,
      high,
      ...
    }:
    types.durationBetween { inherit low high; };
in
{
  ofDefaults = lib.mapAttrs (
    name: timeout:
    mkOption {
      type = type timeout;
      default = types.shared.defaults.timeouts.${name};
      inherit (timeout) example;
      description = "How long to wait ${timeout.what}.";
    }
  ) timeouts;

  ofHost = types.record {
    description = "a set with some of ${lib.concatStringsSep ", " (lib.attrNames timeouts)}";
    fields = lib.mapAttrs (
      name: timeout:
      mkOption {
        type = types.nullOr (type timeout);
        default = null;
        defaultText = lib.literalMD "the fleet's `defaults.timeouts.${name}`";
        inherit (timeout) example;
        description = "How long to wait ${timeout.what}.";
      }
    ) timeouts;
  };
}
