# The field that says for which packages of which origin a pin applies. Sources and pins share it.
{ lib, types }:
{
  release = lib.mkOption {
    type = types.nullOr types.pinnedRelease;
    default = null;
    example = "o=PGDG,n=bookworm-pgdg";
    description = ''
      The properties of a release, in the form of apt_preferences(5): `o=` origin, `l=` label, `n=` codename, `a=` suite,
      `c=` component, `b=` architecture. `apt-cache policy` shows them.
    '';
  };
}
