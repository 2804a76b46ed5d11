# The activator as a package. Called with `pkgsStatic`, since it runs on hosts that have none of its
# libraries.
{ lib, rustPlatform }:
rustPlatform.buildRustPackage {
  pname = "nixfleet-activate";
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
      ../contract
      ../operator
    ];
  };
  cargoLock.lockFile = ../Cargo.lock;
  # Relocations in their packed form: 80 kB less. No index for unwinding: 45 kB less; a panic aborts.
  RUSTFLAGS = "-C target-feature=+crt-static -C link-arg=-Wl,-z,pack-relative-relocs -C link-arg=-Wl,--no-eh-frame-hdr";
  cargoBuildFlags = [
    "--package"
    "nixfleet-activate"
  ];
  # The tests want real hosts: `make test`.
  doCheck = false;
  meta = {
    description = "Builds and activates NixFleet host closures";
    license = lib.licenses.mit;
    mainProgram = "nixfleet-activate";
    platforms = lib.platforms.linux;
  };
}
