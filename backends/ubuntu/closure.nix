# The host closure: a derivation without stdenv, whose builder is the activator. The builder validates the
# document, so a closure that a host would refuse cannot be built.
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
  # It takes milliseconds, and only one host uses the result.
  preferLocalBuild = true;
  allowSubstitutes = false;
}
