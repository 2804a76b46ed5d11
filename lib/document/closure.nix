# Returns the derivation of a host closure. The activator itself is the builder, so the build needs no stdenv.
# The activator validates the Intent document. So if a host would refuse the closure, the build fails.
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
    # The build takes milliseconds, and only one host uses the result. So the closure is built on this
    # machine, and is neither built remotely nor downloaded from a binary cache.
    preferLocalBuild = true;
    allowSubstitutes = false;
  }
  # From the closure of the NixOS system, the activator lists the packages of the system.
  // (
    if document ? nixos then
      { exportReferencesGraph.systemClosure = [ document.nixos.toplevel ]; }
    else
      { }
  )
)
