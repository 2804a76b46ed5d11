# Reads the file of `hostKeys`, and finds the mistakes in it and in the host keys of the inventory.
{
  config,
  lib,
  options,
  types,
}:
let
  inherit (types) problem;
  file = config.hostKeys;
  isThere = file != null && builtins.pathExists file;
  name = builtins.unsafeDiscardStringContext (baseNameOf (toString file));

  content =
    if !isThere then
      { }
    else
      builtins.addErrorContext "while reading the host keys `${toString file}':" (
        builtins.fromJSON (builtins.readFile file)
      );
  isObject = lib.isAttrs content;
  isKey = value: types.publicKey.accepts value;

  ofFile =
    rest:
    problem.make (
      {
        loc = [ "hostKeys" ];
        def = lib.last options.hostKeys.definitionsWithLocations;
      }
      // rest
    );
in
rec {
  # The valid keys of the file, by host.
  keys = if isObject then lib.filterAttrs (_: isKey) content else { };

  warnings = lib.optional (file != null && !isThere) (
    "${name}, the file of hostKeys, does not exist: nixfleet host adopt writes it; "
    + "if it exists, run: git add --intent-to-add ${name}"
  );

  # Returns the mistakes. `given` are the hosts as fleet modules declare them, and `hosts` the hosts with the
  # keys of the file filled in.
  problems =
    { given, hosts }:
    let
      wrong = lib.filterAttrs (_: value: !isKey value) content;
      wrongKey =
        host: value:
        ofFile {
          what = "${name} must have a public key for the host ${host}, but has ${problem.describe value}";
          help = "run: nixfleet host adopt ${host}";
        };

      unknown = lib.filter (host: !(given ? ${host})) (lib.attrNames content);
      unknownHost =
        host:
        ofFile {
          what = "${name} has a key for the host ${builtins.toJSON host}, which does not exist";
          help = "remove the line of the host from ${name}";
        };

      plain = key: lib.concatStringsSep " " (lib.take 2 (lib.splitString " " key));
      other = lib.filter (
        host:
        let
          own = given.${host}.ssh.hostKey or null;
        in
        own != null && plain own != plain keys.${host}
      ) (lib.filter (host: given ? ${host}) (lib.attrNames keys));
      otherKey =
        host:
        problem.make {
          loc = [
            "hosts"
            host
            "ssh"
            "hostKey"
          ];
          def = types.definitionOf options.hosts host;
          what = "the host ${host} has one key in the inventory and another key in ${name}";
          help = "remove the wrong key: either ssh.hostKey, or the line of the host in ${name}";
        };

      shared = lib.filterAttrs (_: group: lib.tail group != [ ]) (
        lib.groupBy (host: plain host.ssh.hostKey) (
          lib.filter (host: host.ssh.hostKey != null && host.ssh.hostKey != "") (lib.attrValues hosts)
        )
      );
      sharedKey =
        group:
        let
          last = lib.last group;
        in
        problem.make {
          loc = [
            "hosts"
            last.name
            "ssh"
            "hostKey"
          ];
          def = types.definitionOf options.hosts last.name;
          what = "the hosts ${problem.names (map (host: host.name) group)} have the same host key";
          why = "the key is the identity of a host; an image that was cloned with its key makes two hosts one";
          help = "on one of them, as root: rm /etc/ssh/ssh_host_*; ssh-keygen -A; systemctl restart ssh";
        };
    in
    if !isObject then
      [
        (ofFile {
          what = "${name} must be an object with the public keys of hosts, but is ${problem.describe content}";
          help = "remove the file, and run: nixfleet host adopt";
        })
      ]
    else
      lib.mapAttrsToList wrongKey wrong
      ++ map unknownHost unknown
      ++ map otherKey other
      ++ map sharedKey (lib.attrValues shared);
}
