# Converts values to text for files and commands on a host.
{ lib }:
let
  # Whether an unquoted path names a file on the host, such as /usr/bin/env. In a pure evaluation of a flake,
  # Nix cannot read files outside the store, so every path outside the store names a file on the host. In an
  # impure evaluation, only paths in system directories do, because nobody stores a fleet in those
  # directories.
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
  # A value as text. A file of the fleet is copied into the store, as by "${./file}". If `toString` converted
  # the path, Nix would not copy the file to the host.
  storeText =
    value:
    if builtins.isBool value then
      lib.boolToString value
    else if builtins.isPath value && !isOnHost value then
      "${value}"
    else
      toString value;

  # The store path of a file. If the string `source` has no context, Nix does not know that the string refers
  # to a file, so the file is copied into the store here.
  storeSource =
    source:
    if builtins.isString source && !builtins.hasContext source then "${/. + source}" else "${source}";
}
