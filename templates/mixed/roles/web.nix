# The configuration of a web server, for both bases. `host.base` is the base of the host: "ubuntu" or "nixos".
{
  host,
  name,
  pkgs,
  ...
}:
{
  # A system user, with a group of the same name.
  nixfleet.users.web = { };

  # A file with exactly this content, mode and group. When it changes, only web.service is restarted.
  nixfleet.files."/etc/web/index.html" = {
    text = "hello from ${name}, which runs ${host.base}\n";
    mode = "0644";
    group = "web";
    restartUnits = [ "web.service" ];
  };

  nixfleet.systemd.units."web.service".sections = {
    Unit.Description = "The web server";
    Service = {
      ExecStart = "${pkgs.busybox}/bin/busybox httpd -f -p 8080 -h /etc/web";
      User = "web";
    };
    Install.WantedBy = "multi-user.target";
  };

  # If the page cannot be fetched after a change, the change is undone.
  nixfleet.healthChecks.web.http.url = "http://localhost:8080/";
}
