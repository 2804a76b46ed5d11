# The derivation of a host closure. It does not use stdenv: the activator itself is the builder. The activator
# validates the Intent document, so a closure that a host would refuse cannot be built.
{
  document,
  buildSystem,
  builder,
}:
derivation (
  {
    name = "nixfleet-${document.host}";
    system = buildSystem;
    inherit builder;
    args = [ "build" ];
    __structuredAttrs = true;
    intent = document;
    # The build takes milliseconds, and only one host uses the result, so a remote build or a substitute is
    # not worthwhile.
    preferLocalBuild = true;
    allowSubstitutes = false;
  }
  # The activator lists the packages of a NixOS system from the closure of the system.
  // (
    if document ? nixos then
      { exportReferencesGraph.systemClosure = [ document.nixos.toplevel ]; }
    else
      { }
  )
)
