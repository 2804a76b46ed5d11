# `onUbuntu` and `onNixos` evaluate the module of a test row, which ./default.nix explains, on a host of this
# base. They return the values that the row compares, or the mistakes that the module makes on this base.
{
  document,
  evalFleet,
  evalNixos,
  ...
}:
let
  nixosBackend = (evalFleet { }).backends.nixos;

  mistakes = host: map (problem: problem.what) host.problems;
in
{
  onUbuntu =
    row: module:
    let
      inherit
        (evalFleet {
          hosts.host = {
            addr = "host.example.org";
            modules = [ module ];
          };
        })
        intents
        ;
    in
    if intents.host.problems != [ ] then mistakes intents.host else row.ubuntu (document [ module ]);

  onNixos =
    row: module:
    let
      host = evalNixos [ module ];
    in
    if host.problems != [ ] then
      mistakes host
    else
      row.nixos {
        inherit (host) config;
        engine = nixosBackend.document {
          host = {
            name = "host";
            base = "nixos";
            system = "x86_64-linux";
            addr = "host.example.org";
          };
          inherit (host) config intent;
          activator = "/activate";
        };
        dropIns = nixosBackend.dropIns host.intent;
      };
}
