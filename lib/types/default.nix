# The option types of NixFleet: they gather mistakes where nixpkgs' own types end the evaluation at the first.
{ lib }:
let
  problem = import ./problem.nix { inherit lib; };
  scalar = import ./scalar.nix { inherit lib problem; };
  record = import ./record.nix {
    inherit lib problem;
    inherit (scalar) fromResolve mustBe;
  };
in
{
  inherit problem;
}
// scalar
// record
// import ./named.nix { inherit lib scalar; }
// import ./module.nix { inherit lib problem scalar; }
// import ./sections.nix { inherit lib scalar record; }
// import ./resolve.nix { inherit lib problem; }
// import ./strangers.nix { inherit lib problem; }
