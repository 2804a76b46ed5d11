let
  # The path as `toString ./app.sh` returns it.
  script = "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-source/app.sh";
in
{
  hosts.web-1.addr = "web-1";
  hosts.web-1.modules = [
    {
      nixfleet.systemd.units = {
        "app.service".sections.Service.ExecStart = "${script} --verbose";
        "ssh.service".dropIns."10-limits.conf".text = "[Service]\nExecStartPre=${script}\n";
        # The value is the store directory itself, which is no mistake.
        "other.service".sections.Unit.RequiresMountsFor = "/nix/store";
      };
      nixfleet.files."/etc/app.conf" = {
        # It is no mistake if the content of a file mentions a store path.
        text = "see ${script}";
        validate = [
          script
          "%s"
        ];
        onChange = [
          "/usr/bin/env"
          script
        ];
      };
      nixfleet.healthChecks.app.command = [ script ];
    }
  ];
}
