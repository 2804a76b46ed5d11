# Mistakes of an inventory that no single option has: roles and bases that are not there, addresses that are there twice.
{
  backends,
  config,
  # Hosts with the defaults filled in.
  hosts,
  lib,
  options,
  types,
  # The option paths of wrong values, for which a placeholder stands.
  wrong,
}:
let
  inherit (types) problem;

  roleNames = lib.attrNames config.roles;

  mistake =
    host: field: rest:
    problem.make (
      {
        loc = [
          "hosts"
          host
          field
        ];
        def = types.definitionOf options.hosts host;
      }
      // rest
    );

  unknownRole =
    host: role:
    let
      guess = problem.guess roleNames role;
    in
    mistake host.name "roles" {
      what = "host ${host.name} has the role ${builtins.toJSON role}, which does not exist";
      why = "the roles of this fleet are: ${problem.names roleNames}";
      example =
        if guess == null then
          "roles.${role} = ./roles/${role}.nix;"
        else
          "hosts.${host.name}.roles = [ ${builtins.toJSON guess} ];";
    };
  unknownRoles =
    host: map (unknownRole host) (lib.filter (role: !(config.roles ? ${role})) host.roles);

  noBackend =
    host:
    lib.optional (!(backends ? ${host.base})) (
      mistake host.name "base" {
        what = "host ${host.name} has the base ${builtins.toJSON host.base}, which NixFleet cannot build yet";
        why = "this version has a backend for: ${problem.names (lib.attrNames backends)}";
        example = "hosts.${host.name}.base = \"ubuntu\";";
      }
    );

  sameAddress =
    place: group:
    let
      last = lib.last group;
    in
    mistake last.name "addr" {
      what = "the hosts ${
        lib.concatMapStringsSep " and " (host: host.name) group
      } have the same address, ${place}";
      why = "what is meant for one of them would be done to another";
      example = "hosts.${last.name}.addr = \"…\";";
    };
  addressed = lib.filter (
    host:
    !lib.elem (lib.showOption [
      "hosts"
      host.name
      "addr"
    ]) wrong
  );
  byPlace = lib.groupBy (host: "${host.addr} port ${toString host.ssh.port}");

  all = lib.attrValues hosts;
in
lib.concatMap unknownRoles all
++ lib.concatMap noBackend all
++ lib.mapAttrsToList sameAddress (
  lib.filterAttrs (_: group: lib.length group > 1) (byPlace (addressed all))
)
