# The names of nixpkgs' `lib` that NixFleet reads before it checks the release.
{
  evalModules = null;
  genAttrs = null;
  types.deferredModule = null;
}
