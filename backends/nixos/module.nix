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

  # The packages as the inventory declares them. Nothing is set if it declares nothing, because NixOS then
  # accepts a package set of the user's modules.
  packages =
    if host.pkgs != null then
      { inherit (host) pkgs; }
    else
      lib.filterAttrs (_: value: value != { } && value != [ ]) {
        inherit (host.nixpkgs) config overlays;
      };
in
{
  _file = ./module.nix;

  config = lib.mkMerge (
    map (family: family.config { inherit config intent pkgs; }) families
    ++ [
      {
        networking.hostName = yielding host.name;
        nixpkgs = {
          hostPlatform = yielding host.system;
        }
        // packages;

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
