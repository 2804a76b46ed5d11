# Tests that authors of modules can use NixFleet's options in the same ways as options of nixpkgs.
{ evalFleet, ... }@world:
let
  hostWith =
    modules:
    evalFleet {
      hosts.host = {
        inherit modules;
        addr = "host";
      };
    };
  configWith = modules: (hostWith modules).intents.host.config.nixfleet;
  textOf = modules: path: (configWith modules).files.${path}.text;
  whatIsWrong = modules: map (problem: problem.what) (hostWith modules).intents.host.problems;

  tests =
    file:
    import file (
      world
      // {
        inherit
          configWith
          hostWith
          textOf
          whatIsWrong
          ;
      }
    );
in
tests ./entries.nix // tests ./families.nix // tests ./mistakes.nix // tests ./types.nix
