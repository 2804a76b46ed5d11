# Evaluates the modules of one host to its intent: `evalHost { fleet; name; }`, where `fleet` is a result of
# evalFleet. With `isBare = true`, the host is evaluated without its modules.
#
# Returns { config; options; intent; problems; warnings; evaluated; }. `intent` may be used only if `problems`
# is empty, because placeholders replace wrong values in the intent. `evaluated` is the whole evaluation,
# which is a NixOS system for a NixOS host.
{
  fleet,
  name,
  isBare ? false,
}:
let
  backend = fleet.backends.${fleet.hosts.${name}.base};
  objection = backend.objection fleet.nixpkgs;

  given = import ./host-modules.nix { inherit fleet isBare name; };
  evaluated = fleet.evaluations.${fleet.hosts.${name}.base} given;

  # The result if the fleet's nixpkgs cannot evaluate hosts of this base. It throws when it is used. The
  # inventory reports this mistake, so `problems` stays empty.
  nothing = throw "${name} cannot be evaluated: ${objection.what}";
in
if objection == null then
  given.intentOf evaluated
  // {
    inherit evaluated;
    inherit (evaluated) config options;
  }
else
  {
    config = nothing;
    options = { };
    intent = nothing;
    evaluated = nothing;
    problems = [ ];
    warnings = [ ];
  }
