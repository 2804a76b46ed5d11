let
  # As `toString ./app.sh` gives it.
  script = "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-source/app.sh";
in
{
  hosts.web-1.addr = "web-1";
  hosts.web-1.modules = [
    {
      nixfleet.systemd.units = {
        "app.service".sections.Service.ExecStart = "${script} --verbose";
        "ssh.service".dropIns."10-limits.conf".text = "[Service]\nExecStartPre=${script}\n";
        # Nothing of the store itself.
        "other.service".sections.Unit.RequiresMountsFor = "/nix/store";
      };
      nixfleet.files."/etc/app.conf" = {
        # A text may speak of the store.
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
