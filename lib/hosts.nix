# The host closures: `nixfleet.hosts.<name>`.
fleet:
let
  inherit (fleet) lib;

  ofHost =
    name: host:
    let
      # Not out of fleet.intents, which would keep all evaluations of a large fleet in memory.
      evaluated = fleet.evaluate name;

      # Evaluated once, whatever the build system.
      document = fleet.checked [ evaluated ] (
        fleet.backends.${host.base}.document {
          inherit host;
          inherit (evaluated) intent;
          activator = fleet.activators.${host.system} or (throw (noActivator name host.system));
        }
      );

      toplevelFor = lib.mapAttrs (
        buildSystem: builder: fleet.backends.${host.base}.closure { inherit document buildSystem builder; }
      ) fleet.activators;
    in
    {
      # The intent as the backend hands it to the builder.
      intent = document;

      # The closure, built on the host's own system. The manifest in it does not depend on what builds it, so
      # `toplevelFor.<system>` builds the same host on another, such as an operator's own.
      toplevel = toplevelFor.${host.system} or (throw (noActivator name host.system));
      inherit toplevelFor;
    };

  noActivator =
    name: system:
    "[NF-201] there is no activator for ${system}, the system of host ${name}\n"
    + "write: activator.${system} = ./nixfleet-activate;";
in
lib.mapAttrs ofHost (fleet.checked [ ] fleet.hosts)
