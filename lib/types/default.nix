# The option types of NixFleet. They collect all mistakes, whereas nixpkgs' own types stop at the first
# mistake.
{ lib }:
let
  context = import ./context.nix { inherit lib; };
  problem = import ./problem.nix { inherit lib; };
  definitions = import ./definitions.nix { inherit lib; };
  foreign = import ./foreign.nix { inherit lib; };
  scalar = import ./scalar.nix {
    inherit
      definitions
      foreign
      lib
      problem
      ;
  };
  strangers = import ./unknown-names.nix { inherit lib problem; };
  element = import ./element.nix {
    inherit lib;
    inherit (strangers) strangers;
  };
  resolve = import ./resolve.nix { inherit context lib problem; };
  named = import ./named.nix { inherit lib scalar shared; };
  shared = import ./shared.nix;
  sets = {
    record = import ./record.nix {
      inherit
        context
        definitions
        element
        foreign
        lib
        problem
        scalar
        ;
      inherit (resolve) optionProblems resolveOption;
    };
    entries = import ./entries.nix {
      inherit
        context
        definitions
        foreign
        lib
        problem
        scalar
        ;
    };
  };
in
{
  inherit context problem shared;
  inherit (definitions) definitionOf;

  # Whether the first word of a command is the path of a program.
  namesProgram =
    words:
    let
      program = lib.head (words ++ [ "" ]);
    in
    builtins.isPath program || lib.hasPrefix "/" program;
}
// scalar
// sets
// named
// import ./apt.nix {
  inherit
    definitions
    lib
    problem
    scalar
    shared
    ;
}
// import ./assertions.nix { inherit lib problem scalar; }
// import ./waves.nix {
  inherit lib problem scalar;
  inherit (named) amountFrom;
}
// import ./duration.nix { inherit lib scalar; }
// import ./facts.nix {
  inherit named scalar;
  inherit (sets) entries;
}
// import ./module.nix { inherit lib problem scalar; }
// import ./package-sets.nix {
  inherit
    definitions
    lib
    problem
    scalar
    ;
  inherit (sets) entries;
}
// import ./sections.nix {
  inherit
    definitions
    lib
    problem
    scalar
    ;
  inherit (sets) entries;
}
// import ./store-text.nix { inherit lib; }
// resolve
// strangers
