{
  roles.web =
    { pkgs, ... }:
    {
      nixfleet.packages = [
        pkgs.hello
        "hello"
      ];
      environment.systemPackages = [ pkgs.hello ];
      nixfleet.package = [ pkgs.hello ];
    };
  hosts.web-1.addr = "web-1";
  hosts.web-1.roles = [ "web" ];
  hosts.web-2.addr = "web-2";
  hosts.web-2.roles = [ "web" ];
}
