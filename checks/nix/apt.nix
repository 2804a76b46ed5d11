# Tests of the short forms of `nixfleet.apt`, and of the Intent document of a host without packages of apt.
{
  document,
  lib,
  report,
  ...
}:
let
  aptOf = modules: (document modules).apt;
  names = modules: map (package: package.name) (aptOf modules).packages;
in
{
  "a list of names means that each package is present" = {
    expr =
      aptOf [ { nixfleet.apt.packages = [ "nginx" ]; } ]
      == aptOf [ { nixfleet.apt.packages.nginx.state = "present"; } ];
    expected = true;
  };

  "lists and sets of several modules are joined" = {
    expr = names [
      {
        nixfleet.apt.packages = [
          "nginx"
          (lib.mkIf false "apache2")
          (lib.mkIf true "redis")
        ];
      }
      (
        { lib, ... }:
        {
          nixfleet.apt.packages = lib.mkMerge [
            [ "nginx" ]
            { postgresql.hold = true; }
          ];
        }
      )
    ];
    expected = [
      "nginx"
      "postgresql"
      "redis"
    ];
  };

  "one module names a package, and another describes it" = {
    expr =
      map (package: package.version)
        (aptOf [
          { nixfleet.apt.packages = [ "nginx" ]; }
          { nixfleet.apt.packages.nginx.version = "1.22.*"; }
        ]).packages;
    expected = [ "1.22.*" ];
  };

  "a host without packages of apt says nothing about apt" = {
    expr = document [ ] ? apt;
    expected = false;
  };

  "a file of the user in place of a source is a mistake" = {
    expr = lib.hasInfix "/etc/apt/sources.list.d/nixfleet-app.sources is declared twice" (report {
      hosts.host.addr = "host";
      hosts.host.modules = [
        {
          nixfleet.apt.sources.app = {
            uris = [ "https://packages.example.org/debian" ];
            suites = [ "./" ];
            keyring = "/usr/share/keyrings/app.gpg";
          };
          nixfleet.files."/etc/apt/sources.list.d/nixfleet-app.sources".text = "";
        }
      ];
    });
    expected = true;
  };
}
