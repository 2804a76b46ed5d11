# The entry point of NixFleet for fleets without flakes. docs/how-to/flakes.md describes how to use it.
#
# Returns { lib; packages; flakeModules; nixfleet; nixfleet-activate; }. `lib.mkFleet` is the same function as
# in the flake. `nixfleet` and `nixfleet-activate` are the two programs, which `nix-build` builds.
{
  # The directory of nixpkgs, such as <nixpkgs>. By default, this is the revision in flake.lock, which Nix
  # downloads.
  nixpkgs ?
    let
      inherit (builtins.fromJSON (builtins.readFile ./flake.lock)) nodes;
      inherit (nodes.nixpkgs) locked;
    in
    fetchTarball {
      url = "https://github.com/${locked.owner}/${locked.repo}/archive/${locked.rev}.tar.gz";
      sha256 = locked.narHash;
    },
  system ? builtins.currentSystem,
}:
let
  outputs = (import ./flake.nix).outputs {
    self = outputs // {
      outPath = ./.;
    };
    nixpkgs = import ./lib/nixpkgs-of.nix nixpkgs;
  };
in
{
  inherit (outputs) flakeModules lib packages;
  inherit (outputs.packages.${system}) nixfleet nixfleet-activate;
}
