# Tests that compare declarations of health checks on an Ubuntu host and on a NixOS host. ./default.nix
# explains the form of a test.
_:
let
  check =
    rest:
    {
      unit = null;
      http = null;
      tcp = null;
      command = null;
      stableFor = 3;
      interval = 1;
      retries = 8;
      timeout = 5;
      startDelay = 0;
      from = "host";
      onFailure = "rollback";
    }
    // rest;

  http = {
    url = "https://localhost:8443/";
    method = "GET";
    requestHeaders.Host = "www.example.org";
    status = 204;
    bodyContains = "ready";
    bodyMatches = "[Rr]eady";
    responseHeaders.Content-Type = "text/html";
    maxRedirects = 3;
    verifyCertificate = false;
  };

  row = module: checks: {
    module.nixfleet.healthChecks = module;
    ubuntu = intent: intent.healthChecks;
    onUbuntu = checks;
    nixos = { engine, ... }: engine.healthChecks;
    onNixos = checks;
  };
in
{
  "a check of a unit" =
    row
      {
        app = {
          unit = "app.service";
          stableFor = "30s";
          interval = "2s";
          retries = 3;
          timeout = "4s";
          startDelay = "6s";
          onFailure = "stop";
        };
      }
      [
        (check {
          name = "app";
          unit = "app.service";
          stableFor = 30;
          interval = 2;
          retries = 3;
          timeout = 4;
          startDelay = 6;
          onFailure = "stop";
        })
      ];

  "a check of a web page" = row { page.http = removeAttrs http [ "method" ]; } [
    (check {
      name = "page";
      inherit http;
    })
  ];

  "a check by the method HEAD" =
    row
      {
        page.http = {
          url = "http://localhost/";
          method = "HEAD";
        };
      }
      [
        (check {
          name = "page";
          http = {
            url = "http://localhost/";
            method = "HEAD";
            requestHeaders = { };
            status = null;
            bodyContains = null;
            bodyMatches = null;
            responseHeaders = { };
            maxRedirects = 0;
            verifyCertificate = true;
          };
        })
      ];

  "checks of ports" =
    row
      {
        other.tcp = {
          host = "10.0.1.11";
          port = 5432;
        };
        own.tcp.port = 5432;
        reachable = {
          tcp.port = 5432;
          from = "operator";
        };
      }
      [
        (check {
          name = "other";
          tcp = {
            host = "10.0.1.11";
            port = 5432;
          };
        })
        (check {
          name = "own";
          tcp = {
            host = "localhost";
            port = 5432;
          };
        })
        (check {
          name = "reachable";
          tcp = {
            host = "host.example.org";
            port = 5432;
          };
          from = "operator";
        })
      ];

  "a check by a command" =
    row
      {
        ready.command = [
          "/bin/ready"
          "-q"
        ];
      }
      [
        (check {
          name = "ready";
          command = [
            "/bin/ready"
            "-q"
          ];
        })
      ];
}
