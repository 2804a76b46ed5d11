# The NixOS module of a host. It sets NixOS's own options to what the host's intent declares.
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

  # Gives a value such a low priority that even a `mkDefault` of another module overrides the value.
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

        # When NixFleet evaluates the host, it reports the mistakes before NixOS looks at assertions. The
        # assertion is for other tools, such as colmena, that evaluate the same modules.
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
