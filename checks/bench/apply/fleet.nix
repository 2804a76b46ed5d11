# The same configuration as in playbook.yml, which Ansible applies. A new value of `revision` changes every
# file, and a new value of `small` changes one file of one host.
{ lib, ... }:
let
  revision = 0;
  small = 0;
  # The host with the small file. A health check verifies that its web server returns the file.
  one = "host-01";
  hosts = lib.genList (index: "host-${lib.fixedWidthNumber 2 (index + 1)}") 16;

  role =
    { name, ... }:
    {
      nixfleet.files =
        lib.listToAttrs (
          lib.genList (
            index:
            lib.nameValuePair "/etc/bench/${toString (index + 1)}.conf" {
              text = "host = ${name}\nindex = ${toString (index + 1)}\nrevision = ${toString revision}\n";
              mode = "0640";
            }
          ) 20
        )
        // lib.optionalAttrs (name == one) {
          "/etc/bench/small.conf" = {
            text = "small = ${toString small}\n";
            restartUnits = [ "bench.service" ];
          };
        };
      nixfleet.healthChecks = lib.mkIf (name == one) {
        page.http = {
          url = "http://localhost:8080/small.conf";
          bodyContains = "small = ${toString small}";
        };
      };
      nixfleet.systemd.units."bench.service".sections = {
        Unit.Description = "Bench";
        Service.ExecStart =
          if name == one then "/usr/bin/busybox httpd -f -p 8080 -h /etc/bench" else "/bin/sleep infinity";
        Install.WantedBy = "multi-user.target";
      };
    };
in
{
  defaults.ssh.user = "deploy";
  roles.bench = role;
  hosts = lib.genAttrs hosts (name: {
    addr = name;
    roles = [ "bench" ];
  });
}
