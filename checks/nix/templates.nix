# Tests of the templates.
{
  lib,
  nixpkgs,
  ...
}:
let
  # Any file can replace the programs, because nothing is built.
  nixfleet = import ../../lib {
    inherit nixpkgs;
    packages.x86_64-linux = {
      nixfleet = ./.;
      nixfleet-activate = ./templates.nix;
    };
  };

  outputsOf =
    template:
    (import (template.path + "/flake.nix")).outputs {
      self = {
        outPath = template.path;
        _type = "flake";
        inputs = { };
        outputs = { };
        sourceInfo.outPath = template.path;
      };
      nixfleet.lib = nixfleet;
      nixfleet.flakeModules.default = nixfleet.flakeModule;
      flake-parts = (import ../fixtures/flake-parts/flake.nix).outputs { nixpkgs-lib = nixpkgs; };
      inherit nixpkgs;
    };

  templates = import ../../templates;
  outputs = lib.mapAttrs (_: outputsOf) templates;
in
{
  "each template is a fleet whose hosts can be built" = {
    expr = lib.mapAttrs (
      _: flake:
      lib.mapAttrs (_: host: [
        host.addr
        host.base
        (lib.hasSuffix ".drv" flake.nixfleet.hosts.${host.name}.toplevel.drvPath)
      ]) flake.nixfleet.fleet.hosts
    ) outputs;
    expected =
      let
        web-1 = [
          "10.0.1.11"
          "ubuntu"
          true
        ];
        web-2 = [
          "10.0.1.12"
          "nixos"
          true
        ];
      in
      {
        minimal = { inherit web-1; };
        flake-parts = { inherit web-1; };
        mixed = { inherit web-1 web-2; };
        from-ansible = {
          inherit web-1;
          db-1 = [
            "10.0.1.21"
            "ubuntu"
            true
          ];
        };
        from-colmena = { inherit web-2; };
        from-deploy-rs = { inherit web-2; };
      };
  };

  "every directory of templates is a template" = {
    expr = lib.attrNames templates;
    expected = lib.attrNames (
      lib.filterAttrs (_: type: type == "directory") (builtins.readDir ../../templates)
    );
  };
}
