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
      what = "until the host accepts an SSH connection. `--connect-timeout` has the last word";
    };
    silence = {
      low = 3;
      high = 3600;
      example = "1m";
      what = "until a connection counts as broken over which the host says nothing, not even that it is there";
    };
    answer = {
      high = day;
      example = "10m";
      what = "until the host has said how it stands, or what would change";
    };
    copy = {
      high = 7 * day;
      example = "12h";
      what = "until a closure has arrived";
    };
    change = {
      high = 7 * day;
      example = "3h";
      what = "until the host has changed, with its health checks, or has tried those alone";
    };
    rejoin = {
      high = day;
      example = "10m";
      what = ''
        for a host whose connection broke while it changed, once the time is over in which it goes back by itself: as long as it
        takes to boot'';
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
