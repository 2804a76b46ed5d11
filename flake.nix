{
  description = "One inventory, one command for fleets of Ubuntu, Debian and NixOS hosts";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      eachSystem = nixpkgs.lib.genAttrs [
        "x86_64-linux"
        "aarch64-linux"
      ];
    in
    {
      lib = import ./lib {
        inherit nixpkgs;
        inherit (self) packages;
      };

      flakeModules.default = self.lib.flakeModule;

      packages = eachSystem (system: {
        nixfleet = nixpkgs.legacyPackages.${system}.callPackage ./cli/package.nix { };
        nixfleet-activate =
          nixpkgs.legacyPackages.${system}.pkgsStatic.callPackage ./activator/package.nix
            { };
        default = self.packages.${system}.nixfleet;
      });

      # `nix flake check` only builds the programs. All other tests need the hosts of the lab; `make test`
      # runs them.
      checks = eachSystem (system: {
        inherit (self.packages.${system}) nixfleet nixfleet-activate;
      });

      templates.minimal = {
        path = ./templates/minimal;
        description = "A fleet of one web server on Ubuntu or Debian";
      };
      templates.default = self.templates.minimal;

      formatter = eachSystem (system: nixpkgs.legacyPackages.${system}.nixfmt);
    };
}
