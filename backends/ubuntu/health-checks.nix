# Health checks in the Intent document.
{ lib }:
host: checks:
let
  # For how long a unit has to have been active where nothing is said, in seconds.
  stableFor = 3;

  address = check: if check.from == "operator" then host.addr else "localhost";

  document =
    name: check:
    check
    // {
      inherit name;
      stableFor = if check.stableFor == null then stableFor else check.stableFor;
      tcp =
        if check.tcp == null || check.tcp.host != null then
          check.tcp
        else
          check.tcp // { host = address check; };
    };
in
lib.mapAttrsToList document checks
