# The role of all hosts. Each comment names the module of Ansible that does the same. There are no tasks and
# no order: NixFleet sorts the changes itself, and undoes what you remove from this file.
{
  host,
  name,
  pkgs,
  ...
}:
{
  # ansible.builtin.package. These packages come from nixpkgs. The packages of apt stay as they are.
  nixfleet.packages = [ pkgs.hello ];

  # ansible.builtin.group
  nixfleet.groups.ops = { };

  # ansible.builtin.user and ansible.posix.authorized_key
  nixfleet.users.maria = {
    system = false;
    extraGroups = [ "ops" ];
    openssh.authorizedKeys = [
      "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGw1ZmlsbGVyZmlsbGVyZmlsbGVyZmlsbGVyZmlsbGVy maria"
    ];
  };

  # ansible.builtin.copy with `validate`. The plan runs the command, so a wrong file changes nothing.
  nixfleet.files."/etc/sudoers.d/ops" = {
    text = "%ops ALL=(ALL) NOPASSWD: /usr/bin/systemctl\n";
    mode = "0440";
    validate = [
      "/usr/sbin/visudo"
      "-cf"
      "%s"
    ];
  };

  # ansible.builtin.template: a string with the values of Nix in `${ }`.
  nixfleet.files."/etc/motd".text = ''
    ${name}.${host.facts.domain}
  '';
  # The earlier content is kept, and is restored when this file is no longer declared.
  nixfleet.files."/etc/motd".onConflict = "backup";

  # ansible.builtin.file with `state: directory`, `state: link` and `state: absent`
  nixfleet.directories."/srv/reports" = {
    group = "ops";
    mode = "0770";
  };
  nixfleet.links."/usr/local/bin/greet".target = "${pkgs.hello}/bin/hello";
  nixfleet.absent."/etc/cron.d/old-reports" = { };

  # ansible.builtin.cron: a timer and its service.
  nixfleet.systemd.units."report.timer".sections = {
    Unit.Description = "Write the report each night";
    Timer.OnCalendar = "02:30";
    Install.WantedBy = "timers.target";
  };
  nixfleet.systemd.units."report.service".sections = {
    Unit.Description = "Write the report";
    Service = {
      Type = "oneshot";
      ExecStart = "/bin/sh -c 'uptime > /srv/reports/uptime'";
    };
  };
}
