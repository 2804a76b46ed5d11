# One host's modules to its intent: `evalHost { fleet; name; }`, with `fleet` from evalFleet.
#
# Gives { config; options; intent; problems; }. Nothing of `intent` may be used before `problems` is known to be empty:
# placeholders stand in it for what is wrong.
{ fleet, name }:
let
  inherit (fleet) lib types;
  host = fleet.hosts.${name};

  specialArgs = {
    inherit name;
    inherit (fleet) inputs;
    hosts = fleet.arguments;
    host = fleet.arguments.${name};
    pkgs = fleet.nixpkgs.legacyPackages.${host.system} or (throw noPackages);
  };

  noPackages =
    "[NF-201] nixpkgs has no packages for ${host.system}, the system of host ${name}\n"
    + "write: hosts.${name}.system = \"x86_64-linux\";";

  evaluated = lib.evalModules {
    class = "nixfleetHost";
    inherit specialArgs;
    modules = [ fleet.intentModule ] ++ map roleModule knownRoles ++ host.modules;
  };
  inherit (evaluated) config options;

  knownRoles = lib.filter (role: fleet.config.roles ? ${role}) host.roles;
  roleModule = role: fleet.config.roles.${role};

  # Each family once, for its values and for its mistakes.
  resolved = lib.mapAttrs (_: types.resolveOption) {
    inherit (options.nixfleet)
      packages
      files
      directories
      users
      groups
      healthChecks
      maxFileSize
      ;
    inherit (options.nixfleet.systemd) units;
  };
  intent = lib.mapAttrs (_: result: result.value) resolved;

  own =
    lib.concatMap (result: result.problems) (lib.attrValues resolved)
    ++ types.strangerProblems fleet.misplaced.inHost options (config._strangers or [ ])
    ++ fleet.moduleArguments specialArgs options;

  # What shows only when everything is seen together. Of a placeholder there is nothing to say.
  together = lib.optionals (fleet.backends ? ${host.base}) (
    fleet.backends.${host.base}.problems {
      inherit intent options;
      inherit (fleet) inputs;
    }
  );
  wrong = map (problem: problem.option) own;

  problems =
    if own == [ ] then
      together
    else
      own ++ lib.filter (problem: !lib.elem problem.option wrong) together;
in
{
  inherit config options intent;
  problems = map (problem: problem // { host = name; }) problems;
}
