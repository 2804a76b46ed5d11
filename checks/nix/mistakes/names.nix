# Names that other tools use, options one level too high, and mistakes that follow from other mistakes.
{
  host.web-0.addr = "web-0";
  role.web = { };

  hosts.web-1 = {
    address = "web-1";
    port = 2222;
    user = "deploy";
    groups = [ "web" ];
    modules = [
      {
        nixfleet.files = {
          "/etc/txt".txt = "x";
          "/etc/content" = {
            content = "x";
            user = "web";
            perms = "0640";
          };
          "/etc/nothing-like-it".body = "x";
          "/etc/other-field" = {
            mod = "0640";
          };
          "/etc/wrong-source".source = "relative";
          "/etc/wrong-validate" = {
            text = "x";
            validate = "visudo -cf %s";
          };
          "/etc/wrong-command" = {
            text = "x";
            onChange = "/usr/sbin/newaliases";
          };
          "/etc/handler" = {
            text = "x";
            handler = [ "/usr/sbin/newaliases" ];
          };
        };
        nixfleet.file."/etc/a".text = "x";
        nixfleet.directories."/srv/a".permission = "0750";
        nixfleet.groups.app.id = 990;
        nixfleet.users.ada.authorizedKeys = [ "ssh-ed25519 AAAA ada" ];
        nixfleet.users.eve = {
          isNormalUser = true;
          home = "/srv/a:b";
        };
        nixfleet.users.bob.group = 5;
        nixfleet.systemd.units = {
          "nixos.service" = {
            description = "As NixOS has it";
            serviceConfig.ExecStart = "/bin/a";
            wantedBy = [ "multi-user.target" ];
            enable = true;
          };
          "section.service".Service.ExecStart = "/bin/a";
          "wrong.service" = {
            sections = "Service";
            enabled = true;
          };
        };
        nixfleet.healthChecks = {
          kind.htpp.url = "http://localhost";
          unit.unit = "web";
          command.command = "true";
        };
      }
    ];
  };
  hosts.web-2 = {
    addr = 5;
    nixfleet.files."/etc/a".text = "x";
    pin = {
      generations = 12;
      reason = "as it is";
    };
  };
  notifications.team.kind = "slak";
}
