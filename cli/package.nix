# The command line as a package, with a link for each subcommand that a flake offers as an app.
{ lib, rustPlatform }:
rustPlatform.buildRustPackage {
  pname = "nixfleet";
  inherit ((lib.importTOML ../Cargo.toml).workspace.package) version;
  src = lib.fileset.toSource {
    root = ../.;
    fileset = lib.fileset.unions [
      ../Cargo.lock
      ../Cargo.toml
      ../activator
      ../checks/lab
      ../checks/ledger
      ../cli
    ];
  };
  cargoLock.lockFile = ../Cargo.lock;
  cargoBuildFlags = [
    "--package"
    "nixfleet"
  ];
  # The tests want real hosts: `make test`.
  doCheck = false;
  postInstall = ''
    for subcommand in ${toString (lib.attrNames (import ../lib/subcommands.nix))}; do
      ln -s nixfleet "$out/bin/nixfleet-$subcommand"
    done
  '';
  meta = {
    description = "One inventory, one command for fleets of Ubuntu and Debian servers";
    license = lib.licenses.mit;
    mainProgram = "nixfleet";
    platforms = lib.platforms.unix;
  };
}
