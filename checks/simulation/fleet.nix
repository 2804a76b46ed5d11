# A fleet of `count` hosts with twenty files each. Every tenth host is a database. A new value of `revision`
# changes every file. While /etc/broken exists on a host, the host rejects one of the new files. While
# /etc/held exists on a host, the change of the host waits.
{ lib, ... }:
let
  count = 200;
  revision = 1;

  host =
    number:
    lib.nameValuePair "host-${lib.fixedWidthNumber 4 number}" {
      addr = "host-${lib.fixedWidthNumber 4 number}";
      roles = [ "simulated" ];
      tags = [
        (if lib.mod number 10 == 0 then "db" else "web")
        "rack:${toString (lib.mod number 4)}"
      ];
    };

  file =
    name: number:
    lib.nameValuePair "/etc/simulated/${toString number}.conf" {
      text = "host = ${name}\nnumber = ${toString number}\nrevision = ${toString revision}\n";
      mode = "0640";
    };
in
{
  defaults.ssh.user = "root";
  # Confirmation needs systemd, which a simulated host does not have.
  defaults.rollout.confirmTimeout = false;
  defaults.rollout = {
    waves = [
      1
      "10%"
      "50%"
    ];
    spread = "rack";
  };
  tags.db.maxDown = 2;

  roles.simulated =
    { name, ... }:
    {
      nixfleet.files = lib.mkMerge [
        (lib.listToAttrs (lib.genList (file name) 20))
        {
          "/etc/simulated/0.conf".validate = [
            "/bin/sh"
            "-c"
            "while [ -e /etc/held ]; do sleep 0.05; done; ! [ -e /etc/broken ]"
            "%s"
          ];
        }
      ];
    };

  hosts = lib.listToAttrs (lib.genList (index: host (index + 1)) count);
}
