# Tests of the health checks in the Intent document.
{ document, ... }:
let
  checksOf = checks: (document [ { nixfleet.healthChecks = checks; } ]).healthChecks;
  checkOf =
    check:
    builtins.head (checksOf {
      a = check;
    });
in
{
  "a check has the defaults" = {
    expr = checkOf { unit = "a.service"; };
    expected = {
      name = "a";
      unit = "a.service";
      stableFor = 3;
      http = null;
      tcp = null;
      command = null;
      interval = 1;
      retries = 8;
      timeout = 5;
      startDelay = 0;
      from = "host";
      onFailure = "rollback";
    };
  };

  "a web server is asked as it stands" = {
    expr =
      (checkOf {
        http = {
          url = "https://[::1]:8443/health?a=b";
          responseHeaders.Content-Type = "text/html";
        };
      }).http;
    expected = {
      url = "https://[::1]:8443/health?a=b";
      method = "GET";
      requestHeaders = { };
      status = null;
      bodyContains = null;
      bodyMatches = null;
      responseHeaders.Content-Type = "text/html";
      maxRedirects = 0;
      verifyCertificate = true;
    };
  };

  "times become seconds" = {
    expr =
      let
        check = checkOf {
          unit = "a.service";
          stableFor = "1m";
          interval = "2s";
          timeout = 7;
          startDelay = "1m";
        };
      in
      [
        check.stableFor
        check.interval
        check.timeout
        check.startDelay
      ];
    expected = [
      60
      2
      7
      60
    ];
  };

  "who tries a port decides where it is by default" = {
    expr = map (check: (checkOf check).tcp) [
      { tcp.port = 80; }
      {
        tcp.port = 80;
        from = "operator";
      }
      {
        tcp.port = 80;
        tcp.host = "db-1";
        from = "operator";
      }
    ];
    expected = [
      {
        host = "localhost";
        port = 80;
      }
      {
        host = "host.example.org";
        port = 80;
      }
      {
        host = "db-1";
        port = 80;
      }
    ];
  };

  "several modules add to the checks of a host" = {
    expr = map (check: check.name) (
      (document [
        { nixfleet.healthChecks.web.tcp.port = 80; }
        { nixfleet.healthChecks.db.tcp.port = 5432; }
        { nixfleet.healthChecks.db.retries = 3; }
      ]).healthChecks
    );
    expected = [
      "db"
      "web"
    ];
  };
}
