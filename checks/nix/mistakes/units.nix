{
  hosts.web-1.addr = "web-1";
  hosts.web-1.modules = [
    {
      nixfleet.systemd.units = {
        "web".text = "[Service]\nExecStart=/bin/web\n";
        "empty.service" = { };
        "ssh.service" = {
          enabled = true;
          dropIns."10-limits".text = "[Service]\n";
        };
        "both.service" = {
          text = "[Unit]\n";
          sections.Unit.Description = "Both";
        };
        "setting.service".sections.Service.ExecStart = "/bin/a\nUser=root";
        "section.service".sections.Service = "ExecStart=/bin/a";
      };
    }
  ];
}
