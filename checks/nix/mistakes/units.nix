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
        "cron.service".dropIns."empty.conf" = { };
        "both.service" = {
          text = "[Unit]\n";
          sections.Unit.Description = "Both";
        };
        "setting.service".sections.Service.ExecStart = "/bin/a\nUser=root";
        "unwanted.timer" = {
          sections.Timer.OnCalendar = "daily";
          enabled = true;
        };
        "misspelled.service".sections.Sevice.ExecStart = "/bin/a";
        "backup.timer" = {
          sections.Service.ExecStart = "/bin/a";
          sections.Timer.OnCalendar = "daily";
          sections.X-Ours.Note = "systemd leaves it alone";
        };
        "ssh.socket".dropIns."a.conf".sections.Service.MemoryMax = "1G";
        "section.service".sections.Service = "ExecStart=/bin/a";
        "mine.service" = {
          text = "[Service]\nExecStart=/bin/a\n";
          running = true;
          masked = false;
        };
        "gone.service" = {
          enabled = true;
          running = true;
          masked = true;
          dropIns."10-limits.conf".text = "[Service]\n";
        };
        "getty@.service".running = false;
        "cups.service".mask = true;
      };
    }
  ];
}
