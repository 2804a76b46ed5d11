# Health checks in the Intent document.
{ lib }:
host: checks:
let
  address = check: if check.from == "operator" then host.addr else "localhost";

  document =
    name: check:
    check
    // {
      inherit name;
      tcp =
        if check.tcp == null || check.tcp.host != null then
          check.tcp
        else
          check.tcp // { host = address check; };
    };
in
lib.mapAttrsToList document checks
