{ inputs }:
{
  inherit inputs;
  nixpkgs = inputs.nixpkgs // {
    lib = removeAttrs inputs.nixpkgs.lib [ "nixosSystem" ];
  };
  modules = [ { defaults.base = "nixos"; } ];
  fleet.hosts = {
    db-1.addr = "db-1";
    db-2 = {
      addr = "db-2";
      base = "nixos";
      modules = [ { services.nginx.enable = true; } ];
    };
    web-1 = {
      addr = "web-1";
      base = "ubuntu";
      modules = [ { nixfleet.files."/etc/x".txt = "x"; } ];
    };
  };
}
