# Values as the text that stands in files and commands on a host.
{ lib }:
let
  # An absolute path that was written without quotes: Nix may look at nothing outside the store where it evaluates a flake,
  # and elsewhere nobody keeps a fleet in these.
  isOnHost =
    path:
    let
      text = toString path;
      isPure = !(builtins ? currentSystem);
    in
    if lib.hasPrefix "${builtins.storeDir}/" text then
      false
    else
      isPure || builtins.match "/(usr|bin|sbin|lib|lib64|run|proc|sys|dev)(/.*)?" text != null;
in
{
  # A file beside the module is copied into the store, as "${./file}" would be: by `toString` the host would never get it.
  storeText =
    value:
    if builtins.isBool value then
      lib.boolToString value
    else if builtins.isPath value && !isOnHost value then
      "${value}"
    else
      toString value;

  # The place of a file in the store. Of a string without context Nix does not know that it refers to something.
  storeSource =
    source:
    if builtins.isString source && !builtins.hasContext source then "${/. + source}" else "${source}";
}
