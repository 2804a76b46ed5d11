# A fleet whose NixOS hosts declare options of NixFleet that cannot have the same effect on NixOS as on
# Ubuntu.
{ lib, ... }:
{
  defaults.base = "nixos";

  hosts.files.addr = "files";
  hosts.files.modules = [
    {
      services.nginx.enable = true;
      environment.etc."of-nixos.conf".text = "x";
      environment.etc."of-nixos.d".source = ./.;

      nixfleet.files = {
        "/etc/validated" = {
          text = "x";
          validate = [
            "/usr/sbin/visudo"
            "-cf"
            "%s"
          ];
        };
        "/etc/compiled" = {
          text = "x";
          onChange = [ "/usr/sbin/newaliases" ];
        };
        "/etc/kept" = {
          text = "x";
          onConflict = "backup";
        };
        "/etc/unreplaced" = {
          text = "x";
          onConflict = "fail";
        };
        "/etc/unreplaced-by-a-function" = _: {
          text = "x";
          onConflict = "fail";
        };
        "/etc/unreplaced-on-ubuntu" = {
          text = "x";
          onConflict = lib.mkIf false "fail";
        };
        "/etc/owned" = {
          text = "x";
          owner = "nobody-knows";
          group = "nobody-knows-either";
        };
        "/etc/of-nixos.conf".text = "x";
        "/etc/of-nixos.d/app.conf".text = "x";
        "/etc/sudoers.d/app".text = "x";
        "/etc/tmpfiles.d/app.conf".text = "x";
        "/etc/systemd/system/app.service".text = "x";
        "/usr/bin/env".text = "x";
        "/etc/app.conf" = {
          text = "x";
          restartUnits = [
            "app.socket"
            "app.target"
            "stays.service"
            "ssh.service"
          ];
        };
      };
      nixfleet.links = {
        "/etc/relative".target = "app.conf";
        "/etc/starred".target = "/opt/*.conf";
        "/etc/adopted" = {
          target = "/opt/app";
          onConflict = "adopt";
        };
      };
      nixfleet.directories."/etc/of-nixos.d" = { };
      nixfleet.absent."/etc/of-nixos.conf" = { };
      nixfleet.absent."/boot/loader/entries" = { };
      nixfleet.systemd.units."stays.service" = {
        text = "[Service]\nExecStart=/bin/a\n";
        restartIfChanged = false;
      };
    }
  ];

  hosts.accounts.addr = "accounts";
  hosts.accounts.modules = [
    {
      nixfleet.users = {
        a-name-with-more-than-thirty-one = { };
        app.group = "of-more-than-thirty-one-letters-";
        ada = {
          system = false;
          shell = "/usr/bin/zsh";
          extraGroups = [
            "sudo"
            "docker"
          ];
        };
        root.shell = "/bin/sh";
      };
    }
  ];

  hosts.units.addr = "units";
  hosts.units.modules = [
    {
      services.nginx.enable = true;

      nixfleet.healthChecks.web.unit = "apache2.service";
      nixfleet.systemd.units = {
        "app.service" = {
          text = "[Service]\nExecStart=/bin/a\n\n[Install]\nWantedBy=multi-user.target app@%i.target\nAlias=app.socket\nAlso=app.socket\n";
          startTimeout = "15m";
          settle = "10s";
          dropIns."nixfleet-activation.conf".text = "[Unit]\n";
        };
        "app.timer" = {
          text = "[Timer]\nOnCalendar=daily\n";
          reloadIfChanged = true;
        };
        "left.timer" = {
          text = "[Timer]\nOnCalendar=daily\n";
          restartIfChanged = false;
        };
        "left.socket" = {
          text = "[Socket]\nListenStream=80\n";
          restartIfChanged = false;
        };
        "restarted.socket" = {
          text = "[Socket]\nListenStream=80\n";
          restartIfChanged = true;
        };
        "adopted.service" = {
          text = "[Service]\nExecStart=/bin/a\n";
          onConflict = "adopt";
        };
        "own.service" = {
          text = "[Service]\nExecStart=/bin/a\n";
          onConflict = "fail";
          restartIfChanged = true;
          verify = false;
        };
        "verified.service" = {
          text = "[Service]\nExecStart=/bin/a\n";
          verify = true;
        };
        "unwanted.service" = {
          text = "[Service]\nExecStart=/bin/a\n\n[Install]\n";
          enabled = true;
        };
        "worker@.service".text =
          "[Service]\nExecStart=/bin/a\n\n[Install]\nWantedBy=multi-user.target\nDefaultInstance=1\n";
        "nginx.service".text = "[Service]\nExecStart=/bin/nginx\n";
        "nixfleet-recover.service".text = "[Service]\nExecStart=/bin/recover\n";
        "sysinit.target".dropIns."nixfleet-recover.conf".text = "[Unit]\n";
        "cups.service" = {
          enabled = false;
          running = false;
        };
        "avahi-daemon.socket".masked = true;
        "ssh.service".dropIns."limits.conf".text = "[Service]\nMemoryMax=1G\n";
      };
    }
  ];
}
