# The health checks of the Intent document.
{
  known,
  lib,
  types,
}:
host: checks:
let
  address = check: if check.from == "operator" then host.addr else "localhost";

  checkFields = known [
    "from"
    "http"
    "interval"
    "onFailure"
    "retries"
    "stableFor"
    "startDelay"
    "timeout"
    "unit"
  ];

  document =
    name: check:
    checkFields check
    // {
      inherit name;
      command = if check.command == null then null else map types.storeText check.command;
      tcp =
        if check.tcp == null || check.tcp.host != null then
          check.tcp
        else
          check.tcp // { host = address check; };
    };
in
lib.mapAttrsToList document checks
