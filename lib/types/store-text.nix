# Values as text in files and commands on a host.
{ lib }:
let
  # An absolute path that was written without quotes: in a flake, Nix may not read anything outside the store,
  # and otherwise nobody keeps a fleet in these directories.
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
  # A file beside the module is copied into the store, as by "${./file}": with `toString`, the host would
  # never receive it.
  storeText =
    value:
    if builtins.isBool value then
      lib.boolToString value
    else if builtins.isPath value && !isOnHost value then
      "${value}"
    else
      toString value;

  # The store path of a file. For a string without context, Nix does not know the reference.
  storeSource =
    source:
    if builtins.isString source && !builtins.hasContext source then "${/. + source}" else "${source}";
}
