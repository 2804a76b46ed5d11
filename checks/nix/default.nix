# The tests of the Nix code. Each suite is a set of tests { expr; expected; }. The name of a test states what
# it verifies.
#
# Returns { text; failed; texts; reference; built; builtNixos; }: the report, the names of the failed tests,
# the current error texts, the current option reference, and the two closures that are built with `activator`.
#
# The arguments decide which suites run. The suite that inspects the built closures needs `closure` and
# `nixosClosure`. The suites about NixOS hosts use a stand-in for NixOS.
#
# If `older`, a directory with parts of nixpkgs 22.11, is given, all suites run again with the `lib` of 22.11,
# and the suites about NixOS hosts with some modules of NixOS 22.11 in the stand-in. If `whole`, the flake of
# another nixpkgs, is given, all suites run again with its `lib`, and the suites about NixOS hosts with its
# NixOS, if it has NixOS. The suite about the test in virtual machines, ../vm, runs only with the packages of
# `whole`. If `flakeParts`, the outputs of flake-parts, is given, the suite about the module for flake-parts
# also runs with the real flake-parts.
{
  nixpkgs,
  older ? null,
  whole ? null,
  flakeParts ? null,
  activator ? null,
  closure ? null,
  nixosClosure ? null,
}:
let
  inherit (nixpkgs) lib;

  world = import ./world.nix { inherit nixpkgs; };
  mistakes = import ./mistakes.nix world;

  ofNixos = world: {
    bases = import ./bases world;
    fleet-modules = import ./fleet-modules.nix world;
    hive = import ./hive.nix world;
    nixos = import ./nixos.nix world;
    nixos-systems = import ./nixos-systems.nix world;
    nixos-modules = import ./nixos-modules.nix world;
    templates = import ./templates.nix world;
  };

  suitesOf =
    world: mistakes:
    ofNixos world
    // {
      accounts = import ./accounts.nix world;
      apt = import ./apt.nix world;
      architectures = import ./architectures.nix world;
      authors = import ./authors world;
      backends = import ./backends.nix world;
      base-fields = import ./bases/fields.nix world;
      examples = import ./examples.nix world;
      files = import ./files.nix world;
      flake-module = import ./flake-module.nix world;
      health-checks = import ./health-checks.nix world;
      hive-origin = import ./hive-origin.nix world;
      host-modules = import ./host-modules.nix world;
      inventory = import ./inventory.nix world;
      inventory-files = import ./inventory-files.nix world;
      laziness = import ./laziness.nix world;
      merging = import ./merging.nix world;
      mistakes = mistakes.tests;

      nix-version = import ./nix-version.nix world;
      options = import ./options.nix world;
      outputs = import ./outputs.nix world;
      pages = import ./pages.nix world;
      package-sets = import ./package-sets.nix world;
      packages = import ./packages.nix world;
      references = import ./references.nix world;
      rollouts = import ./rollouts.nix world;
      short-form = import ./short-form.nix world;
      short-form-page = import ./short-form-page.nix world;
      sparse-options = import ./sparse-options.nix world;
      systemd = import ./systemd.nix world;
      values = import ./values.nix world;
    };

  # All suites with another `lib`, such as that of an older release. The rest of nixpkgs remains the stand-in.
  withLib =
    name: other:
    let
      world = import ./world.nix {
        nixpkgs = nixpkgs // {
          lib = other // {
            nixosSystem = import ../fixtures/nixpkgs/nixos {
              inherit nixpkgs;
              lib = other;
              packagesOf = system: nixpkgs.legacyPackages.${system};
            };
          };
        };
      };
      # Before 23.05, `lib` had no module classes, which flake-parts and some modules of these suites need,
      # and listed the examples of options as values and not as code.
      isOlder = !(lib.functionArgs other.evalModules ? class);
      isFor =
        suite:
        !isOlder
        || !lib.elem suite [
          "flake-module"
          "nixos-modules"
          "options"
          "templates"
        ];
    in
    lib.mapAttrs' (suite: lib.nameValuePair "${suite} with ${name}") (
      lib.filterAttrs (suite: _: isFor suite) (suitesOf world (import ./mistakes.nix world))
    );

  suites =
    suitesOf world mistakes
    # In the checks of the flake, `nixpkgs` is a stand-in without the directory `lib`, which these suites
    # need. `flake-checks` runs all suites above once more. The checks of this repository are evaluated with
    # the nixpkgs of its own `flake.lock` only, so an older `lib` is not tried.
    // lib.optionalAttrs (builtins.pathExists "${nixpkgs}/lib") {
      flake-checks = import ./flake-checks.nix world;
      without-flakes = import ./without-flakes.nix world;
    }
    // lib.optionalAttrs (older != null) (
      let
        world = import ./world.nix {
          nixpkgs = nixpkgs // {
            lib = lib // {
              nixosSystem = import ../fixtures/nixpkgs/nixos {
                inherit lib;
                packagesOf = system: nixpkgs.legacyPackages.${system};
                nixos = older + "/nixos";
              };
            };
          };
        };
      in
      lib.mapAttrs' (name: lib.nameValuePair "${name} with NixOS 22.11") (ofNixos world)
      // {
        nixos-22_11 = import ./nixos-22_11.nix world;
      }
      # The other tests of this suite are about the programs, whose packages need `lib.fileset` of 23.11.
      // lib.optionalAttrs (builtins.pathExists "${nixpkgs}/lib") {
        "without-flakes with the lib of 22.11" = lib.getAttrs [
          "a fleet without a flake has the closures that it has in a flake"
        ] (import ./without-flakes.nix (import ./world.nix { inherit nixpkgs; } // { source = older; }));
      }
      // withLib "the lib of 22.11" (import (older + "/lib"))
    )
    // lib.optionalAttrs (whole != null && whole.lib ? nixosSystem) (
      let
        world = import ./world.nix {
          nixpkgs = whole // {
            lib = whole.lib // {
              nixosSystem =
                given: whole.lib.nixosSystem (given // { modules = given.modules ++ [ ./bootable.nix ]; });
            };
          };
        };
        mistakes = lib.getAttrs [ "on-nixos" ] (import ./mistakes.nix world).tests;
      in
      lib.mapAttrs' (name: lib.nameValuePair "whole ${name}") (
        ofNixos world
        // {
          inherit mistakes;
          # The hosts of the templates are complete, so they need nothing of ./bootable.nix.
          templates = import ./templates.nix (import ./world.nix { nixpkgs = whole; });
        }
      )
    )
    // lib.optionalAttrs (whole != null && whole ? legacyPackages.x86_64-linux.testers.runNixOSTest) {
      "whole vm" = import ./vm.nix { nixpkgs = whole; };
    }
    // lib.optionalAttrs (whole != null) (withLib "the lib of ${whole.lib.trivial.release}" whole.lib)
    // lib.optionalAttrs (flakeParts != null) {
      "flake-module with flake-parts" = import ./flake-module.nix (world // { inherit flakeParts; });
    }
    // lib.optionalAttrs (closure != null) {
      closures = import ./closures.nix (world // { inherit closure nixosClosure; });
    };

  tests = lib.concatLists (
    lib.mapAttrsToList (
      suite: lib.mapAttrsToList (name: test: test // { name = "${suite}: ${name}"; })
    ) suites
  );

  # Returns the result of a test. If the test throws an error that Nix can catch, only this test fails.
  outcome =
    test:
    let
      tried = builtins.tryEval (builtins.deepSeq test.expr test.expr);
    in
    if tried.success then tried.value else "an error, which `nix-instantiate --eval` on the test shows";

  results = map (test: test // { got = outcome test; }) tests;
  isRight = test: test.got == test.expected;
  failed = lib.filter (test: !isRight test) results;

  show =
    value:
    if lib.isString value then "\n${value}" else lib.generators.toPretty { multiline = true; } value;
  line =
    test:
    if isRight test then
      "ok      ${test.name}"
    else
      "FAILED  ${test.name}\nexpected: ${show test.expected}\ngot: ${show test.got}\n";
in
{
  text = lib.concatStringsSep "\n" (
    map line results
    ++ [
      "${
        toString (lib.length results - lib.length failed)
      } passed, ${toString (lib.length failed)} failed"
    ]
  );
  failed = map (test: test.name) failed;
  inherit (mistakes) texts;
  reference = import ./reference.nix world;
  built =
    (world.nixfleet.mkFleet {
      modules = [ (import ./everything.nix { activator = /. + activator; }) ];
    }).nixfleet.hosts.host.toplevel;
  builtNixos =
    (world.nixfleet.mkFleet {
      modules = [
        {
          activator.x86_64-linux = /. + activator;
          hosts.host = {
            addr = "host.example.org";
            base = "nixos";
            modules = [
              {
                boot.loader.grub.enable = true;
                boot.kernelParams = [ "quiet" ];
                system.switch.inhibitors.dbus-implementation = "broker";
                nixfleet.files."/etc/app.conf".text = "x";
                nixfleet.files."/srv/app.conf".text = "x";
              }
            ];
          };
        }
      ];
    }).nixfleet.hosts.host.toplevel;
}
