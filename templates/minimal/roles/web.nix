# The configuration of a web server. A module receives the arguments that it names: `pkgs`, `lib`, `config`,
# `name` and `host` for this host, and `hosts` for all hosts, as in `hosts.web-1.addr`.
{ name, pkgs, ... }:
{
  # A system user, with a group of the same name.
  nixfleet.users.web = { };

  # A file with exactly this content, mode and group.
  nixfleet.files."/etc/web/index.html" = {
    text = "hello from ${name}\n";
    mode = "0644";
    group = "web";
  };

  # A unit, in which sections and settings have systemd's own names. The packages that it refers to are copied
  # to the host.
  nixfleet.systemd.units."web.service".sections = {
    Unit.Description = "The web server";
    Service = {
      ExecStart = "${pkgs.busybox}/bin/busybox httpd -f -p 8080 -h /etc/web";
      User = "web";
    };
    Install.WantedBy = "multi-user.target";
  };
}
