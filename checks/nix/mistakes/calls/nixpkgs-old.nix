{ inputs }:
{
  inherit inputs;
  # nixpkgs as in 22.05, when there were no deferred modules yet.
  nixpkgs = inputs.nixpkgs // {
    lib = inputs.nixpkgs.lib // {
      types = removeAttrs inputs.nixpkgs.lib.types [ "deferredModule" ];
    };
  };
  fleet.hosts.web-1.addr = "web-1";
}
