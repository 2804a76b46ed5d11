# Converts values to text for files and commands on a host.
{ lib }:
let
  # Whether an unquoted path names a file on the host, such as /usr/bin/env. During a pure evaluation of a
  # flake, Nix may not read anything outside the store, so such a path cannot be a file of the fleet. In an
  # impure evaluation, only paths in system directories count, because nobody stores a fleet there.
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
  # A value as text. A file of the fleet is copied into the store, as by "${./file}". With `toString` alone,
  # the host would never receive the file.
  storeText =
    value:
    if builtins.isBool value then
      lib.boolToString value
    else if builtins.isPath value && !isOnHost value then
      "${value}"
    else
      toString value;

  # The store path of a file. If a string has no context, Nix does not know that it refers to a file, so the
  # file is copied into the store.
  storeSource =
    source:
    if builtins.isString source && !builtins.hasContext source then "${/. + source}" else "${source}";
}
