# Reports module arguments that a user's module sets without effect, because NixFleet's own arguments take
# precedence. The most common case is `_module.args.pkgs`.
{ types }:
# `special`: the arguments that NixFleet passes. `options`: the options of the evaluated modules.
special: options:
let
  inherit (types) problem;

  # All arguments that a user's module cannot set: those that NixFleet passes, and those of the module system
  # itself.
  given = special // {
    config = null;
    lib = null;
    options = null;
  };

  of =
    def: name:
    problem.make {
      loc = options._module.args.loc ++ [ name ];
      def = def // {
        parent = def.value;
        attr = name;
      };
      what = "_module.args.${name} has no effect";
      why =
        if name == "pkgs" then
          "modules get pkgs from NixFleet, for the system of each host"
        else
          "modules get ${name} from NixFleet";
      example =
        if name == "pkgs" then
          "hosts.<name>.pkgs = import inputs.nixpkgs { … };  # in fleet.nix; or nixpkgs.overlays, nixpkgs.config"
        else
          "_module.args.our-${name} = …;";
    };
in
builtins.concatMap (
  def: map (of def) (builtins.attrNames (builtins.intersectAttrs given def.value))
) options._module.args.definitionsWithLocations
