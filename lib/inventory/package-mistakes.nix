# Finds mistakes in package sets and module arguments that only several options together show.
{
  # All hosts, with the defaults applied.
  all,
  config,
  lib,
  nixpkgs,
  ofHosts,
  options,
  types,
}:
let
  inherit (types) problem;

  # The hosts that have both a package set made by the user and settings of nixpkgs. The settings have no
  # effect there.
  bothWays = lib.filter (host: host.pkgs != null && host.nixpkgs.isOwn) all;

  # nixpkgs can be imported with settings only if its source is known, which is its `outPath`.
  isWhole = nixpkgs ? outPath;
  needing = lib.filter (host: host.pkgs == null && host.nixpkgs.isOwn) all;
  needsWhole = {
    what = "the settings of nixpkgs cannot be applied: the argument nixpkgs of mkFleet has no outPath";
    why = "NixFleet imports nixpkgs from its source to apply overlays and configuration";
    example = "inherit (inputs) nixpkgs;  # of mkFleet: the flake of nixpkgs itself";
  };
  ofFleet =
    name:
    problem.make (
      {
        inherit (options.nixpkgs.${name}) loc;
        def = lib.last options.nixpkgs.${name}.definitionsWithLocations;
      }
      // needsWhole
    );

  # Returns a name that NixFleet itself passes to modules, and the hosts whose `specialArgs` also set this
  # name.
  reserved = name: {
    inherit name;
    having = lib.filter (host: host.specialArgs ? ${name}) all;
  };
  cannotSet =
    { name, having }:
    let
      first = "hosts.${(lib.head having).name}";
    in
    ofHosts having "specialArgs" {
      what = "${first}.specialArgs cannot set ${name}";
      why = "modules get ${name} from NixFleet";
      example =
        if name == "pkgs" then
          "${first}.pkgs = import inputs.nixpkgs { … };"
        else
          "${first}.specialArgs.our-${name} = …;";
    };
in
lib.optional (bothWays != [ ]) (
  ofHosts bothWays "nixpkgs" {
    what = "hosts.${(lib.head bothWays).name}.nixpkgs has no effect, because the host has pkgs";
    why = "pkgs is a package set that you made, with its own configuration and overlays";
    example = "hosts.${(lib.head bothWays).name}.pkgs = import inputs.nixpkgs { config = …; overlays = …; … };";
  }
)
++ lib.optionals (!isWhole) (
  map ofFleet (
    lib.filter (name: config.nixpkgs.${name} != { } && config.nixpkgs.${name} != [ ]) [
      "config"
      "overlays"
    ]
  )
  ++ lib.optional (needing != [ ]) (ofHosts needing "nixpkgs" needsWhole)
)
++ map cannotSet (
  lib.filter (each: each.having != [ ]) (map reserved (import ../reserved-arguments.nix))
)
