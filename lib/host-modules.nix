# Returns the modules of a host and their arguments, which its backend then evaluates. If `isBare` is true,
# the host has no modules, so that nothing is declared.
{
  fleet,
  name,
  isBare ? false,
}:
let
  inherit (fleet) lib;
  host = fleet.hosts.${name};
  backend = fleet.backends.${host.base};

  knownRoles = lib.filter (role: fleet.config.roles ? ${role}) host.roles;

  specialArgs =
    fleet.specialArgs
    // host.specialArgs
    // {
      inherit name;
      inherit (fleet) inputs;
      hosts = fleet.arguments;
      host = fleet.arguments.${name};
    }
    // backend.arguments {
      inherit host;
      inherit (fleet) packagesOf;
    };
in
{
  inherit host specialArgs;
  inherit (fleet) nixpkgs;
  modules = lib.optionals (!isBare) (
    fleet.config.defaults.modules ++ map (role: fleet.config.roles.${role}) knownRoles ++ host.modules
  );
  ours = fleet.intentModules.${host.base};
  intentOf = import ./intent-of.nix { inherit fleet name specialArgs; };
}
