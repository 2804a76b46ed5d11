# Returns the flake output `nixfleet.hosts.<name>`: the host closure, and the evaluated host for `nix repl`.
fleet:
let
  inherit (fleet) lib;
  inherit (fleet.types) context warned;
  inFleet = context.inFleet fleet.inputs;

  # Adds the name of the host to the errors and warnings of the host's closure. They appear only when the
  # derivation of the closure is requested. This function is not inside `ofHost`, because attributes that are
  # never evaluated, such as `outPath`, would then keep the evaluation of the host in memory.
  located =
    name: warnings: closure:
    inFleet (context.inHost name closure)
    // {
      drvPath = inFleet (context.inHost name (warned "host ${name}" warnings closure.drvPath));
      outPath = inFleet (context.inHost name closure.outPath);
    };

  # Returns the closures of an evaluated host.
  closuresOf =
    name: host: evaluated:
    let
      # A function that takes a build system and a builder, and returns the closure. Everything that does not
      # depend on the build system is evaluated only once.
      closureFor = fleet.checked { ${name} = evaluated; } (
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
      # `toplevel` is built on a machine with the host's own system. The manifest does not depend on the build
      # system, so `toplevelFor.<system>` builds the same closure on a machine with another system, such as
      # the operator's machine.
      toplevel = toplevelFor.${host.system} or (throw (noActivator name host.system));
      inherit toplevelFor;
    };

  ofHost =
    name: host:
    # `fleet.intents` is not used here, because it would keep the evaluations of all hosts in memory.
    closuresOf name host (fleet.evaluate name)
    // {
      # The closures of the host with nothing declared, which `nixfleet forget --clean` applies.
      bare = closuresOf name host (fleet.evaluateBare name);

      # For `nix repl`: the configuration and options of all modules of the host, and its packages. Nothing
      # else uses them, so the host is evaluated again in memory of its own.
      inherit (fleet.intents.${name}) config options;
      pkgs = fleet.intents.${name}.evaluated.pkgs or (fleet.packagesOf host);
    };

  noActivator =
    name: system:
    "[NF-201] there is no activator for ${system}, the system of host ${name}\n"
    + "write: activator.${system} = ./nixfleet-activate;";
in
lib.mapAttrs ofHost (inFleet (fleet.checked { } (warned "fleet" fleet.warnings fleet.hosts)))
