# Tests that mistakes, assertions and warnings of modules are reported.
{
  evalFleet,
  hostWith,
  lib,
  nixfleet,
  report,
  whatIsWrong,
  ...
}:
let
  inherit (nixfleet) types;
in
{
  "an option that nobody sets is a mistake" = {
    expr = whatIsWrong [ { options.s = lib.mkOption { type = types.port; }; } ];
    expected = [ "s has no value" ];
  };

  "a value that throws does not keep the mistakes of other options" = {
    expr = lib.hasInfix "nixfleet.users.ada.uid must be" (
      nixfleet.report (hostWith [
        {
          nixfleet.files."/etc/x".text = throw "boom";
          nixfleet.users.ada.uid = "q";
        }
      ])
    );
    expected = true;
  };

  "an option of a user's module tells its mistakes with all others" = {
    expr = whatIsWrong [
      {
        options.site.port = lib.mkOption {
          type = types.port;
          example = 80;
        };
      }
      { site.port = 0; }
      { nixfleet.files."/etc/x".mode = "9"; }
    ];
    expected = [
      "nixfleet.files.\"/etc/x\".mode must be an octal mode in quotes such as \"0644\", but is the string \"9\""
      "nixfleet.files.\"/etc/x\" has neither text nor source"
      "site.port must be a port from 1 to 65535, but is the number 0"
    ];
  };

  "assertions that hold say nothing" = {
    expr = report {
      assertions = [
        {
          assertion = true;
          message = throw "a message that nobody needs";
        }
      ];
      hosts.host = {
        addr = "host";
        modules = [
          {
            assertions = [
              (lib.mkIf false {
                assertion = false;
                message = "no";
              })
            ];
          }
        ];
      };
    };
    expected = null;
  };

  "warnings are those of all modules, and refuse nothing" = {
    expr =
      let
        fleet = evalFleet {
          warnings = [ "old" ];
          hosts.host = {
            addr = "host";
            modules = [
              { warnings = [ "a" ]; }
              { warnings = [ "b" ]; }
            ];
          };
        };
      in
      [
        fleet.warnings
        (lib.sort lib.lessThan fleet.intents.host.warnings)
        (nixfleet.report fleet)
      ];
    expected = [
      [ "old" ]
      [
        "a"
        "b"
      ]
      null
    ];
  };
}
