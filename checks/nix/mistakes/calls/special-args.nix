{ inputs }:
{
  inherit inputs;
  specialArgs = {
    pkgs = { };
    site = "berlin";
  };
  fleet.hosts.web-1.addr = "web-1";
}
