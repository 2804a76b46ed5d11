# The host closure: a derivation without stdenv, whose builder is the activator. Building it checks the document, so what a
# host would refuse cannot be built.
{
  document,
  buildSystem,
  builder,
}:
derivation {
  name = "nixfleet-${document.host}";
  system = buildSystem;
  inherit builder;
  args = [ "build" ];
  __structuredAttrs = true;
  intent = document;
  # It takes milliseconds, and the result is of use to one host alone.
  preferLocalBuild = true;
  allowSubstitutes = false;
}
