# The host closures: `nixfleet.hosts.<name>`.
fleet:
let
  inherit (fleet) lib;
  inherit (fleet.types) context warned;
  inFleet = context.inFleet fleet.inputs;

  # What is wrong with a host shows when its derivation is asked for. This stands outside of `ofHost`: what is not asked for,
  # such as `outPath`, would keep the evaluation of the host in memory.
  located =
    name: warnings: closure:
    inFleet (context.inHost name closure)
    // {
      drvPath = inFleet (context.inHost name (warned "host ${name}" warnings closure.drvPath));
      outPath = inFleet (context.inHost name closure.outPath);
    };

  ofHost =
    name: host:
    let
      # Not out of fleet.intents, which would keep all evaluations of a large fleet in memory.
      evaluated = fleet.evaluate name;

      # Evaluated once, whatever the build system.
      closureFor = fleet.checked [ evaluated ] (
        fleet.backends.${host.base}.toplevelFor {
          inherit host;
          inherit (evaluated) config intent;
          activator = fleet.activators.${host.system} or (throw (noActivator name host.system));
        }
      );

      toplevelFor = lib.mapAttrs (
        buildSystem: builder:
        located name evaluated.warnings (closureFor {
          inherit buildSystem builder;
        })
      ) fleet.activators;
    in
    {
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
lib.mapAttrs ofHost (inFleet (fleet.checked [ ] (warned "fleet" fleet.warnings fleet.hosts)))
