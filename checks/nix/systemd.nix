# Tests of the units in the Intent document.
{ document, lib, ... }:
let
  unitOf = unit: lib.head (document [ { nixfleet.systemd.units."a.service" = unit; } ]).units;
in
{
  "sections become text as people write it" = {
    expr =
      (unitOf {
        sections = {
          Install.WantedBy = "multi-user.target";
          Service = {
            ExecStart = "/bin/a";
            Environment = [
              "A=1"
              "B=2"
            ];
            PrivateTmp = true;
            TimeoutStopSec = 5;
          };
          Unit.Description = "A";
        };
      }).text;
    expected = ''
      [Unit]
      Description=A

      [Service]
      Environment=A=1
      Environment=B=2
      ExecStart=/bin/a
      PrivateTmp=true
      TimeoutStopSec=5

      [Install]
      WantedBy=multi-user.target
    '';
  };

  "a unit has the defaults" = {
    expr = unitOf { text = "[Service]\nExecStart=/bin/a\n"; };
    expected = {
      name = "a.service";
      text = "[Service]\nExecStart=/bin/a\n";
      dropIns = [ ];
      # A unit without an [Install] section cannot be enabled.
      enabled = false;
      restartIfChanged = true;
      reloadIfChanged = false;
      stopIfRemoved = true;
      startTimeout = null;
      settle = null;
      verify = true;
      onConflict = "fail";
    };
  };

  "a unit with an [Install] section is enabled" = {
    expr = map (unit: (unitOf unit).enabled) [
      { text = "[Service]\nExecStart=/bin/a\n\n[Install]\nWantedBy=multi-user.target\n"; }
      {
        sections.Service.ExecStart = "/bin/a";
        sections.Install.WantedBy = "multi-user.target";
      }
      {
        sections.Service.ExecStart = "/bin/a";
        sections.Install.WantedBy = "multi-user.target";
        enabled = false;
      }
    ];
    expected = [
      true
      true
      false
    ];
  };

  "a unit with drop-ins alone stays the distribution's" = {
    expr = unitOf { dropIns."10-limits.conf".sections.Service.MemoryMax = "1G"; };
    expected = {
      name = "a.service";
      text = null;
      dropIns = [
        {
          name = "10-limits.conf";
          text = "[Service]\nMemoryMax=1G\n";
        }
      ];
      enabled = null;
      restartIfChanged = true;
      reloadIfChanged = false;
      stopIfRemoved = true;
      startTimeout = null;
      settle = null;
      verify = true;
      onConflict = "fail";
    };
  };

  "every type of unit has its name" = {
    expr =
      map (unit: unit.name)
        (document [
          {
            nixfleet.systemd.units =
              lib.genAttrs
                [
                  "a.path"
                  "a.service"
                  "a.socket"
                  "a.target"
                  "a.timer"
                  "b@.service"
                ]
                (_: {
                  text = "[Unit]\n";
                });
          }
        ]).units;
    expected = [
      "a.path"
      "a.service"
      "a.socket"
      "a.target"
      "a.timer"
      "b@.service"
    ];
  };
}
