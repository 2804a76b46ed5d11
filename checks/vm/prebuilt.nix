# A fleet whose hosts were evaluated on another machine, for `nixfleet --file`. `fleet` is a file with the
# inventory and the Intent documents of the hosts. Everything to which the documents refer is in the store of
# this machine. So the evaluation needs no nixpkgs, and the build needs only the activator.
{
  fleet,
  # The function that makes a host closure, ../../lib/document/closure.nix.
  closure,
}:
let
  text = builtins.readFile fleet;
  data = builtins.fromJSON (builtins.unsafeDiscardStringContext text);

  # `fromJSON` accepts no text that refers to store paths. The path of the builder refers to them instead.
  toplevel =
    intent:
    import closure {
      document = intent;
      buildSystem = intent.system;
      builder = builtins.appendContext intent.activator (builtins.getContext text);
    };
in
{
  nixfleet = rec {
    schema = 1;
    inherit (data) fleet;
    hosts = builtins.mapAttrs (_: intent: { toplevel = toplevel intent; }) data.intents;
    whole = { inherit fleet hosts; };
  };
}
