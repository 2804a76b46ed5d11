{
  description = "One inventory, one command for fleets of Ubuntu, Debian and NixOS hosts";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      systems = import ./lib/systems.nix;
      # A release of nixpkgs may have dropped a system.
      eachOf =
        systems:
        nixpkgs.lib.genAttrs (builtins.filter (system: nixpkgs.legacyPackages ? ${system}) systems);
      programs = eachOf systems.operators (
        system: import ./lib/own-packages.nix nixpkgs.legacyPackages.${system} system
      );
    in
    {
      lib = import ./lib {
        inherit nixpkgs;
        packages = programs;
      };

      flakeModules.default = self.lib.flakeModule;

      packages = builtins.mapAttrs (_: own: own // { default = own.nixfleet; }) programs;

      # The tests that need the hosts of the lab are no checks; `make test` runs them.
      checks = eachOf systems.hosts (
        system:
        import ./checks/flake-checks.nix {
          inherit nixpkgs;
          nixfleet = self.lib;
          pkgs = nixpkgs.legacyPackages.${system};
          programs = programs.${system};
        }
      );

      templates = import ./templates // {
        default = self.templates.minimal;
      };

      formatter = eachOf systems.operators (system: nixpkgs.legacyPackages.${system}.nixfmt);
    };
}
