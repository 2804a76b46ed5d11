{ site, ... }:
{
  hosts.web-1.addr = "10.0.1.11";
  hosts.web-1.tags = [ site ];
  hosts.db-1.addr = "db-1";
  hosts.db-1.base = "nixos";
}
