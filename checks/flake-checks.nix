# The checks of `nix flake check` for this repository: the programs, the tests of the Nix code, the test in
# virtual machines, and the checks of format and style that need no compiler.
{
  # The outputs `lib` and `packages.<system>` of NixFleet.
  nixfleet,
  programs,
  nixpkgs,
  pkgs,
}:
let
  inherit (pkgs) lib;

  ofKind = suffix: lib.sourceFilesBySuffices ../. [ suffix ];

  # Runs a linter on all files of this repository with a suffix.
  lint =
    name: suffix: tools: command:
    pkgs.runCommand "nixfleet-${name}" { nativeBuildInputs = tools; } ''
      cd ${ofKind suffix}
      ${command}
      touch "$out"
    '';

  # The tests use the packages of the stand-in for nixpkgs, which are few and small, and the `lib` of the real
  # nixpkgs. The tests build nothing, so the packages may refer to a busybox that does not exist.
  packages = ./fixtures/nixpkgs/packages;
  standIn = builtins.toFile "nixpkgs.nix" ''
    given: import ${packages} (given // { bin = ${packages}; lib = import ${nixpkgs + "/lib"}; })
  '';
  packagesOf = system: import standIn { inherit system; };
  tests = import ./nix {
    nixpkgs = {
      outPath = standIn;
      lib = nixpkgs.lib // {
        nixosSystem = import ./fixtures/nixpkgs/nixos {
          inherit (nixpkgs) lib;
          inherit packagesOf;
          nixpkgs = standIn;
        };
      };
      legacyPackages = lib.genAttrs (import ../lib/systems.nix).operators packagesOf;
    };
  };
in
programs
// {
  # The tests only evaluate, so they run while this derivation is evaluated. The derivation itself contains
  # their report.
  nix-tests =
    if tests.failed == [ ] then pkgs.writeText "nixfleet-nix-tests" tests.text else throw tests.text;

  nix-formatting = lint "nix-formatting" ".nix" [
    pkgs.nixfmt
  ] "find . -name '*.nix' -exec nixfmt --check {} +";
  nix-lints = lint "nix-lints" ".nix" [ pkgs.deadnix ] "deadnix --fail .";
  rust-formatting = lint "rust-formatting" ".rs" [ pkgs.rustfmt ] (
    "find . -name '*.rs' -exec rustfmt --check --edition 2024 --config-path ${../rustfmt.toml} {} +"
  );
  shell-lints = lint "shell-lints" ".sh" [
    pkgs.shellcheck
  ] "find . -name '*.sh' -exec shellcheck {} +";
}
# The test in virtual machines. nixpkgs has the function for such tests since 23.05.
// lib.optionalAttrs (pkgs ? testers.runNixOSTest) {
  nixos-vm = import ./vm {
    inherit
      nixfleet
      nixpkgs
      pkgs
      programs
      ;
  };
}
