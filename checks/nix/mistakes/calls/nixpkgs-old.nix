{ inputs }:
{
  inherit inputs;
  # nixpkgs as in 22.11, when modules had no class yet.
  nixpkgs = inputs.nixpkgs // {
    lib = inputs.nixpkgs.lib // {
      evalModules =
        {
          modules,
          specialArgs ? { },
        }:
        inputs.nixpkgs.lib.evalModules { inherit modules specialArgs; };
    };
  };
  fleet.hosts.web-1.addr = "web-1";
}
