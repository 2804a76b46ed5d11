# Returns the package set of a host, the module argument `pkgs`.
#
# nixpkgs is imported once for all hosts that have the same system, configuration and overlays. If a host has
# no overlays and no configuration, its package set is the `legacyPackages` of nixpkgs, which other outputs of
# the flake can share.
{
  # All hosts, with the defaults applied.
  hosts,
  lib,
  nixpkgs,
}:
let
  inherit (builtins) filter head;

  keyOf = host: {
    inherit (host) system;
    inherit (host.nixpkgs) config overlays;
  };

  # Throws NixFleet's error for a package that nixpkgs refuses. The message of nixpkgs itself recommends
  # options of NixOS and environment variables, which a fleet should not depend on.
  refuse =
    reason: message:
    throw (
      (import ./refused-packages.nix { inherit lib; }).text {
        inherit reason;
        message = head (lib.splitString "\n" message);
      }
    );

  make =
    {
      config,
      overlays,
      system,
    }:
    if config == { } && overlays == [ ] then
      nixpkgs.legacyPackages.${system} or (throw (
        "[NF-201] nixpkgs has no packages for ${system}\n"
        + "write: hosts.<name>.system = \"x86_64-linux\";"
      ))
    else
      import nixpkgs {
        inherit overlays system;
        config = {
          handleEvalIssue = refuse;
        }
        // config;
      };

  # The package sets of the hosts that use only the settings of the fleet, by the system of the host. Most
  # hosts do.
  isUsual = host: !host.nixpkgs.isOwn;
  usual = lib.mapAttrs (_: having: make (keyOf (head having))) (
    lib.groupBy (host: host.system) (filter isUsual (lib.attrValues hosts))
  );

  # The package sets of hosts with settings of their own: a list of { key; pkgs; } without duplicate keys.
  others = lib.foldl' (
    found: host:
    let
      key = keyOf host;
    in
    if lib.any (each: each.key == key) found then
      found
    else
      found
      ++ [
        {
          inherit key;
          pkgs = make key;
        }
      ]
  ) [ ] (filter (host: !isUsual host && host.pkgs == null) (lib.attrValues hosts));

  ofOther =
    host:
    let
      key = keyOf host;
    in
    (lib.findFirst (each: each.key == key) { pkgs = make key; } others).pkgs;

  # Returns the package set that the user made for a host. Throws an error if it is for another system than
  # that of the host.
  ownOf =
    host:
    let
      system = host.pkgs.stdenv.hostPlatform.system or host.system;
    in
    if system == host.system then
      host.pkgs
    else
      throw (
        "[NF-201] hosts.${host.name}.pkgs has the packages of ${system}, but the system of the host is ${host.system}\n"
        + "write: hosts.${host.name}.system = \"${system}\";"
      );
in
host:
if host.pkgs != null then
  ownOf host
else if isUsual host then
  usual.${host.system}
else
  ofOther host
