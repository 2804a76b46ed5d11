# The Nix package of the command line, with shell completions and manual pages. It has a link
# `nixfleet-<subcommand>` for each subcommand that a flake offers as an app.
{
  installShellFiles,
  lib,
  rustPlatform,
  stdenv,
}:
rustPlatform.buildRustPackage {
  pname = "nixfleet";
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
  cargoBuildFlags = [
    "--package"
    "nixfleet"
  ];
  # The tests need real hosts. `make test` runs them.
  doCheck = false;
  nativeBuildInputs = [ installShellFiles ];
  postInstall = ''
    for subcommand in ${toString (lib.attrNames (import ../lib/subcommands.nix))}; do
      ln -s nixfleet "$out/bin/nixfleet-$subcommand"
    done
  ''
  + lib.optionalString (stdenv.buildPlatform.canExecute stdenv.hostPlatform) ''
    installShellCompletion --cmd nixfleet \
      --bash <("$out/bin/nixfleet" completions bash) \
      --zsh <("$out/bin/nixfleet" completions zsh) \
      --fish <("$out/bin/nixfleet" completions fish)
    "$out/bin/nixfleet" man man
    installManPage man/*.1
  '';
  meta = {
    description = "One inventory, one command for fleets of Ubuntu, Debian and NixOS hosts";
    longDescription = ''
      NixFleet plans, applies and rolls back the configuration of many servers over SSH. Nix describes each host
      in a flake. On Ubuntu and Debian, NixFleet manages what the description declares. On NixOS, the description
      is a part of the system.
    '';
    license = lib.licenses.mit;
    mainProgram = "nixfleet";
    platforms = lib.platforms.unix;
  };
}
