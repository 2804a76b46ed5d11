{ inputs }:
{
  inherit inputs;
  # As in 22.11, before modules had a class.
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
