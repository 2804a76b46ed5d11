# The fleet of a benchmark that measures how long an apply takes: sixteen NixOS hosts, each with twenty files
# and one unit.
{ lib, ... }:
let
  hosts = lib.genList (index: "host-${lib.fixedWidthNumber 2 (index + 1)}") 16;

  role =
    { name, ... }:
    {
      boot.loader.systemd-boot.enable = true;
      nixfleet.files = lib.listToAttrs (
        lib.genList (
          index:
          lib.nameValuePair "/etc/bench/${toString (index + 1)}.conf" {
            text = "host = ${name}\nindex = ${toString (index + 1)}\n";
            mode = "0640";
          }
        ) 20
      );
      nixfleet.systemd.units."bench.service".sections = {
        Unit.Description = "Bench";
        Service.ExecStart = "/bin/sleep infinity";
        Install.WantedBy = "multi-user.target";
      };
    };
in
{
  defaults = {
    base = "nixos";
    ssh.user = "deploy";
  };
  roles.bench = role;
  hosts = lib.genAttrs hosts (name: {
    addr = name;
    roles = [ "bench" ];
  });
}
