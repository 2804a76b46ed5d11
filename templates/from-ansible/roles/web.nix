# The role of a web server.
{
  host,
  name,
  pkgs,
  ...
}:
let
  port = toString host.facts.httpPort;
in
{
  nixfleet.users.web = { };

  # ansible.builtin.template with `notify`. `restartUnits` replaces the handler: the unit restarts once, after
  # all files are in place, and only if the file changes.
  nixfleet.files."/etc/web/index.html" = {
    text = "hello from ${name}.${host.facts.domain}\n";
    mode = "0640";
    group = "web";
    restartUnits = [ "web.service" ];
  };

  # ansible.builtin.systemd_service with `enabled` and `state: started`
  nixfleet.systemd.units."web.service".sections = {
    Unit.Description = "The web server";
    Service = {
      ExecStart = "${pkgs.busybox}/bin/busybox httpd -f -p ${port} -h /etc/web";
      User = "web";
    };
    Install.WantedBy = "multi-user.target";
  };

  # ansible.builtin.uri with `until`. If the check fails, the host returns to its state before the change.
  nixfleet.healthChecks.web.http.url = "http://localhost:${port}/";
}
