# The options `nixpkgs`, `hosts.<name>.nixpkgs` and `hosts.<name>.pkgs`. They determine the packages that
# modules get as the argument `pkgs`.
{ lib, types }:
let
  inherit (lib) literalExpression mkOption;

  unfree = literalExpression ''
    {
      allowUnfreePredicate = package: builtins.elem (lib.getName package) [ "terraform" ];
    }'';
  overlay = literalExpression "[ (final: prev: { app = final.callPackage ./packages/app.nix { }; }) ]";
in
{
  # The options of a fleet module.
  ofFleet = {
    _file = ./package-sets.nix;

    options.nixpkgs = {
      config = mkOption {
        type = types.packageConfig;
        default = { };
        example = unfree;
        description = ''
          The configuration of nixpkgs for all hosts, such as `allowUnfree` and `permittedInsecurePackages`. Lists of
          several modules are joined. NixOS hosts get it as their own option `nixpkgs.config`.
        '';
      };
      overlays = mkOption {
        type = types.overlays;
        default = [ ];
        example = overlay;
        description = ''
          Changes of the packages of all hosts: functions of the final and of the previous package set. The packages of
          a system are evaluated once for all hosts with the same overlays and configuration. NixOS hosts get the
          overlays as their own option `nixpkgs.overlays`.
        '';
      };
    };
  };

  # The options of each host.
  ofHost = {
    nixpkgs = mkOption {
      type = types.nullOr (
        types.record {
          description = "a set with config and overlays";
          fields = {
            config = mkOption {
              type = types.packageConfig;
              default = { };
              example = unfree;
              description = ''
                The configuration of nixpkgs for this host, in addition to `nixpkgs.config`. A setting of the host
                replaces the setting of the fleet. Lists are joined.
              '';
            };
            overlays = mkOption {
              type = types.overlays;
              default = [ ];
              example = overlay;
              description = ''
                Changes of the packages of this host, after those of `nixpkgs.overlays`. Hosts that have the same
                configuration and the same overlays share an evaluation of nixpkgs. For this, bind an overlay to a name
                and use the name in each host: Nix cannot compare functions that are written twice.
              '';
            };
          };
        }
      );
      default = null;
      defaultText = lib.literalMD "the fleet's `nixpkgs`";
      example = {
        config.permittedInsecurePackages = [ "openssl-1.1.1w" ];
      };
      description = "How the packages of this host differ from those of the fleet.";
    };
    pkgs = mkOption {
      type = types.nullOr types.packageSet;
      default = null;
      defaultText = lib.literalMD "the packages of the argument `nixpkgs` of `mkFleet`, with `nixpkgs.config` and `nixpkgs.overlays`";
      example = literalExpression "import inputs.nixpkgs-stable { system = \"x86_64-linux\"; }";
      description = ''
        The package set of this host, made by yourself, for example of another release of nixpkgs. `nixpkgs.config` and
        `nixpkgs.overlays` do not change it. Modules get it as the argument `pkgs`.
      '';
    };
  };
}
