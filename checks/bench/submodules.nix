# The same derivations as in fleet.nix, with files and units declared by nixpkgs' own `attrsOf (submodule …)`.
# This measures the cost of nixpkgs' types for comparison. nixpkgs' types check less than NixFleet's types,
# and stop at the first mistake.
{
  nixpkgs,
  activator,
  hosts ? 1000,
  files ? 20,
}:
let
  lib = import (nixpkgs + "/lib");
  inherit (lib) mkOption types;
  binary = "${builtins.path {
    path = activator;
    name = "nixfleet-activate";
  }}";

  option =
    type: default:
    mkOption {
      inherit type default;
      description = "…";
    };

  file = types.submodule {
    options = {
      text = option (types.nullOr types.lines) null;
      source = option (types.nullOr types.path) null;
      mode = option (types.strMatching "0?[0-7]{3}") "0644";
      owner = option types.str "root";
      group = option types.str "root";
      restartUnits = option (types.listOf types.str) [ ];
      reloadUnits = option (types.listOf types.str) [ ];
      validate = option (types.nullOr (types.listOf types.str)) null;
      onChange = option (types.nullOr (types.listOf types.str)) null;
      onConflict = option (types.enum [
        "fail"
        "backup"
        "adopt"
      ]) "fail";
    };
  };

  unit = types.submodule {
    options = {
      text = option (types.nullOr types.lines) null;
      sections = option (types.attrsOf (
        types.attrsOf (types.either types.str (types.listOf types.str))
      )) { };
      enabled = option types.bool true;
      restartIfChanged = option types.bool true;
      reloadIfChanged = option types.bool false;
      stopIfRemoved = option types.bool true;
      onConflict = option types.str "fail";
    };
  };

  declarations.options.nixfleet = {
    files = option (types.attrsOf file) { };
    systemd.units = option (types.attrsOf unit) { };
  };

  role =
    { name, ... }:
    {
      nixfleet.files = lib.listToAttrs (
        lib.genList (
          index:
          lib.nameValuePair "/etc/bench/${toString index}.conf" {
            text = "host = ${name}\nindex = ${toString index}\n";
            mode = "0640";
            restartUnits = [ "bench.service" ];
          }
        ) files
      );
      nixfleet.systemd.units."bench.service".sections = {
        Unit.Description = "Bench of ${name}";
        Service.ExecStart = "/bin/sleep infinity";
        Install.WantedBy = "multi-user.target";
      };
    };

  closure =
    name:
    let
      inherit
        (lib.evalModules {
          specialArgs = { inherit name; };
          modules = [
            declarations
            role
          ];
        })
        config
        ;
    in
    derivation {
      name = "nixfleet-${name}";
      system = "x86_64-linux";
      builder = binary;
      args = [ "build" ];
      __structuredAttrs = true;
      preferLocalBuild = true;
      allowSubstitutes = false;
      intent = {
        schema = 1;
        host = name;
        base = "ubuntu";
        system = "x86_64-linux";
        activator = binary;
        profile = null;
        packages = [ ];
        groups = [ ];
        users = [ ];
        directories = [ ];
        files = lib.mapAttrsToList (path: file: file // { inherit path; }) config.nixfleet.files;
        units = lib.mapAttrsToList (
          name: unit:
          removeAttrs unit [ "sections" ]
          // {
            inherit name;
            text = lib.generators.toINI { listsAsDuplicateKeys = true; } unit.sections;
          }
        ) config.nixfleet.systemd.units;
      };
    };
in
lib.listToAttrs (
  lib.genList (
    index:
    let
      name = "host-${toString index}";
    in
    lib.nameValuePair name (closure name).drvPath
  ) hosts
)
