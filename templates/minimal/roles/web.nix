# What a web server has. The arguments are there when you ask for them: `pkgs`, `lib`, `config`, this host's
# `name` and `host`, and `hosts`, with which one host can speak of another: `hosts.web-1.addr`.
{ name, pkgs, ... }:
{
  # A system user, with a group of the same name.
  nixfleet.users.web = { };

  # A file with exactly this content, mode and owner. When it changes, this unit restarts, and no other.
  nixfleet.files."/etc/web/index.html" = {
    text = "hello from ${name}\n";
    mode = "0640";
    group = "web";
    restartUnits = [ "web.service" ];
  };

  # A unit, with systemd's own names. A program that it names comes to the host with it.
  nixfleet.systemd.units."web.service".sections = {
    Unit.Description = "The web server";
    Service = {
      ExecStart = "${pkgs.busybox}/bin/busybox httpd -f -p 8080 -h /etc/web";
      User = "web";
    };
    Install.WantedBy = "multi-user.target";
  };
}
