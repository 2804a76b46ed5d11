# The NixOS module of a host: what its intent says, in NixOS's own options.
{
  families,
  host,
  intentOf,
  lib,
  types,
}:
{
  config,
  options,
  pkgs,
  ...
}:
let
  inherit (intentOf { inherit config options; }) intent problems;

  # A value that yields even to a mkDefault of another module.
  yielding = lib.mkOverride 1400;
in
{
  _file = ./module.nix;

  config = lib.mkMerge (
    map (family: family.config { inherit config intent pkgs; }) families
    ++ [
      {
        networking.hostName = yielding host.name;
        nixpkgs.hostPlatform = yielding host.system;

        # A fleet reports its mistakes first. This is for evaluations of others, with the same modules.
        assertions = [
          {
            assertion = problems == [ ];
            message = types.problem.render {
              root = null;
              inherit problems;
            };
          }
        ];
      }
    ]
  );
}
