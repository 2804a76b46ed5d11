# Names that do not exist on a NixOS host: below `nixfleet`, in NixOS, and names from a wrong place.
{ lib, ... }:
{
  hosts.db-1.addr = "db-1";
  hosts.db-1.base = "nixos";
  hosts.db-1.modules = [
    {
      nixfleet.package = [ ];
      nixfleet.systemd.unit."app.service".text = "x";
      nixfleet.backups = lib.mkIf false { };
      nixfleet.groups.app.gidd = 1;
      networking.hostname = "names";
      packages = [ ];
      tags = [ "web" ];
    }
  ];
}
