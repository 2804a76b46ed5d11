# Tests that compare declarations of units on an Ubuntu host and on a NixOS host. ./default.nix explains the
# form of a test.
{ lib, ... }:
let
  enabledText = ''
    [Service]
    ExecStart=/bin/app

    [Install]
    # WantedBy=no.target
    WantedBy=gone.target
    WantedBy=
    WantedBy=a.target \
      b.target
    RequiredBy=c.target
    UpheldBy=d.target
    Alias=www.service
  '';

  links =
    config: name:
    lib.getAttrs [
      "wantedBy"
      "requiredBy"
      "upheldBy"
      "aliases"
    ] config.systemd.units.${name};

  serviceText = ''
    [Unit]
    After=a.service
    After=b.service
    Description=The application

    [Service]
    ExecStart=/bin/app --port 8080
    PrivateTmp=true
    TimeoutStartSec=90

    [Install]
    WantedBy=multi-user.target
  '';
in
{
  "a unit that starts at boot" = {
    module.nixfleet.systemd.units."app.service".text = enabledText;
    ubuntu = intent: lib.getAttrs [ "text" "enabled" ] (lib.head intent.units);
    onUbuntu = {
      text = enabledText;
      enabled = true;
    };
    nixos =
      { config, engine, ... }:
      links config "app.service"
      // {
        inherit (config.systemd.units."app.service") text;
        inherit (engine) units;
      };
    onNixos = {
      text = enabledText;
      wantedBy = [
        "a.target"
        "b.target"
      ];
      requiredBy = [ "c.target" ];
      upheldBy = [ "d.target" ];
      aliases = [ "www.service" ];
      units = [ ];
    };
  };

  "the enabled units that the engine watches" = {
    module.nixfleet.systemd.units = {
      "app.service".text = enabledText;
      "off.service" = {
        text = enabledText;
        enabled = false;
      };
      "app@.service".text = "[Service]\nExecStart=/bin/app\n";
    };
    ubuntu =
      intent:
      map (unit: [
        unit.name
        unit.enabled
      ]) intent.units;
    onUbuntu = [
      [
        "app.service"
        true
      ]
      [
        "app@.service"
        false
      ]
      [
        "off.service"
        false
      ]
    ];
    nixos = { engine, ... }: engine.nixos.declared.units;
    onNixos = [
      {
        name = "app.service";
        startedBy = [
          "a.target"
          "b.target"
          "c.target"
          "d.target"
        ];
      }
    ];
  };

  "a unit that does not start at boot" = {
    module.nixfleet.systemd.units."app.service" = {
      text = enabledText;
      enabled = false;
    };
    ubuntu = intent: map (unit: unit.enabled) intent.units;
    onUbuntu = [ false ];
    nixos = { config, ... }: links config "app.service";
    onNixos = {
      wantedBy = [ ];
      requiredBy = [ ];
      upheldBy = [ ];
      aliases = [ ];
    };
  };

  "the sections of a service" = {
    module.nixfleet.systemd.units."app.service".sections = {
      Unit.Description = "The application";
      Unit.After = [
        "a.service"
        "b.service"
      ];
      Service.ExecStart = "/bin/app --port 8080";
      Service.PrivateTmp = true;
      Service.TimeoutStartSec = 90;
      Install.WantedBy = "multi-user.target";
    };
    ubuntu = intent: lib.getAttrs [ "text" "enabled" ] (lib.head intent.units);
    onUbuntu = {
      text = serviceText;
      enabled = true;
    };
    nixos = { config, ... }: { inherit (config.systemd.units."app.service") text wantedBy; };
    onNixos = {
      text = serviceText;
      wantedBy = [ "multi-user.target" ];
    };
  };

  "a timer" = {
    module.nixfleet.systemd.units."backup.timer".sections = {
      Timer.OnCalendar = "daily";
      Install.WantedBy = "timers.target";
    };
    ubuntu = intent: lib.getAttrs [ "name" "text" "enabled" ] (lib.head intent.units);
    onUbuntu = {
      name = "backup.timer";
      text = "[Timer]\nOnCalendar=daily\n\n[Install]\nWantedBy=timers.target\n";
      enabled = true;
    };
    nixos =
      { config, dropIns, ... }:
      {
        inherit (config.systemd.units."backup.timer") text wantedBy;
        inherit dropIns;
      };
    onNixos = {
      text = "[Timer]\nOnCalendar=daily\n\n[Install]\nWantedBy=timers.target\n";
      wantedBy = [ "timers.target" ];
      dropIns = { };
    };
  };

  "the state of a unit of the distribution" = {
    module.nixfleet.systemd.units = {
      "cups.socket".masked = true;
      "nginx.service" = {
        enabled = true;
        running = false;
        dropIns."10-limits.conf".sections.Service.MemoryMax = "1G";
      };
    };
    ubuntu = intent: {
      states = intent.unitStates or null;
      units = map (unit: lib.getAttrs [ "name" "enabled" ] unit) intent.units;
    };
    onUbuntu = {
      states = [
        {
          name = "cups.socket";
          enabled = null;
          running = null;
          masked = true;
        }
        {
          name = "nginx.service";
          enabled = true;
          running = false;
          masked = null;
        }
      ];
      units = [
        {
          name = "nginx.service";
          enabled = null;
        }
      ];
    };
    nixos = _: null;
    onNixos = [
      "NixOS does not take over masked of cups.socket"
      "NixOS does not take over enabled of nginx.service"
      "NixOS does not take over running of nginx.service"
    ];
  };

  "drop-ins" = {
    module.nixfleet.systemd.units."cron.service".dropIns = {
      "10-limits.conf".sections.Service.MemoryMax = "1G";
      "20-tasks.conf".text = "[Service]\nTasksMax=100\n";
    };
    ubuntu = intent: (lib.head intent.units).dropIns;
    onUbuntu = [
      {
        name = "10-limits.conf";
        text = "[Service]\nMemoryMax=1G\n";
      }
      {
        name = "20-tasks.conf";
        text = "[Service]\nTasksMax=100\n";
      }
    ];
    nixos =
      { config, dropIns, ... }:
      {
        inherit dropIns;
        packages = lib.filter (lib.hasPrefix "nixfleet") (map lib.getName config.systemd.packages);
        hasUnit = config.systemd.units ? "cron.service";
      };
    onNixos = {
      dropIns = {
        "etc/systemd/system/cron.service.d/10-limits.conf" = "[Service]\nMemoryMax=1G\n";
        "etc/systemd/system/cron.service.d/20-tasks.conf" = "[Service]\nTasksMax=100\n";
      };
      packages = [
        "nixfleet-drop-ins"
        "nixfleet-recovery"
      ];
      hasUnit = false;
    };
  };

  "a unit that changes or is removed" = {
    module.nixfleet.systemd.units = {
      "stays.service" = {
        text = "[Service]\nExecStart=/bin/a\n";
        restartIfChanged = false;
        stopIfRemoved = false;
      };
      "reloads.service" = {
        text = "[Service]\nExecStart=/bin/a\n";
        reloadIfChanged = true;
      };
    };
    ubuntu =
      intent:
      map (
        unit: lib.getAttrs [ "name" "restartIfChanged" "reloadIfChanged" "stopIfRemoved" ] unit
      ) intent.units;
    onUbuntu = [
      {
        name = "reloads.service";
        restartIfChanged = true;
        reloadIfChanged = true;
        stopIfRemoved = true;
      }
      {
        name = "stays.service";
        restartIfChanged = false;
        reloadIfChanged = false;
        stopIfRemoved = false;
      }
    ];
    nixos = { dropIns, ... }: lib.mapAttrs (_: lib.splitString "\n") dropIns;
    onNixos = {
      "etc/systemd/system/reloads.service.d/nixfleet-activation.conf" = [
        "[Service]"
        "X-StopIfChanged=false"
        "X-ReloadIfChanged=true"
        ""
      ];
      "etc/systemd/system/stays.service.d/nixfleet-activation.conf" = [
        "[Unit]"
        "X-StopOnRemoval=false"
        "[Service]"
        "X-StopIfChanged=false"
        "X-RestartIfChanged=false"
        ""
      ];
    };
  };

  "a unit with a start that NixOS does not control" = {
    module.nixfleet.systemd.units."app.service" = {
      text = "[Service]\nExecStart=/bin/a\n";
      startTimeout = "15m";
      settle = "10s";
      onConflict = "backup";
    };
    ubuntu = intent: lib.getAttrs [ "startTimeout" "settle" "onConflict" ] (lib.head intent.units);
    onUbuntu = {
      startTimeout = 900;
      settle = 10;
      onConflict = "backup";
    };
    nixos = _: null;
    onNixos = [
      "NixOS does not apply the startTimeout of app.service"
      "NixOS does not wait for app.service to stay up"
      "NixOS replaces no existing unit with app.service"
    ];
  };

  "a unit that is not verified" = {
    module.nixfleet.systemd.units."app.service" = {
      text = "[Service]\nExecStart=/bin/a\n";
      verify = false;
    };
    ubuntu = intent: (lib.head intent.units).verify;
    onUbuntu = false;
    # NixOS verifies no unit, so a unit with `verify = false` is the same as any other.
    nixos = { config, ... }: config.systemd.units."app.service".text;
    onNixos = "[Service]\nExecStart=/bin/a\n";
    withoutEffectOnNixos = [ "systemd.units.app.service.verify" ];
  };
}
