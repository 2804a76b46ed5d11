# The Nix package of the activator. Call it with the package set `pkgsStatic`, so that the binary is linked
# statically: a host has none of the libraries that a dynamically linked binary needs.
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
      ../checks/fuzz-targets
      ../checks/lab
      ../checks/ledger
      ../cli
      ../contract
      ../operator
    ];
  };
  cargoLock.lockFile = ../Cargo.lock;
  # These flags make the binary smaller. Packed relocations save 80 kB. Omitting the index for stack unwinding
  # saves 45 kB; the index is not needed, because a panic aborts the program.
  RUSTFLAGS = "-C target-feature=+crt-static -C link-arg=-Wl,-z,pack-relative-relocs -C link-arg=-Wl,--no-eh-frame-hdr";
  cargoBuildFlags = [
    "--package"
    "nixfleet-activate"
  ];
  # The tests need real hosts. `make test` runs them.
  doCheck = false;
  meta = {
    description = "Builds and activates NixFleet host closures";
    longDescription = ''
      The activator checks the description of a host while Nix builds the closure of the host. On the host, it
      plans a change, makes it, and undoes it if a part of it fails. It is a static binary, which every closure
      contains.
    '';
    license = lib.licenses.mit;
    mainProgram = "nixfleet-activate";
    platforms = lib.platforms.linux;
  };
}
