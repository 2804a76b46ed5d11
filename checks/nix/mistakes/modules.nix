{
  roles.web = "roles/web.nix";
  hosts.web-1.addr = "web-1";
  hosts.web-1.modules = ./inventory.nix;
  hosts.web-2.addr = "web-2";
  hosts.web-2.modules = [ 5 ];
}
