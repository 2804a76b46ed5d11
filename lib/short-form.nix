# Turns the argument `fleet` of mkFleet, { hosts; network; }, into a module of the inventory.
#
# The argument may be a configuration that other tools read as well. So a key that is no option of the
# inventory becomes a fact, which modules can read. docs/reference/short-form.md says what becomes of each
# key.
fleet:
{ lib, ... }:
let
  inherit (builtins)
    attrNames
    intersectAttrs
    isAttrs
    isString
    ;

  types = import ./types { inherit lib; };
  inherit (types) problem;

  inventory = import ./inventory { inherit lib types; };
  optionNames = lib.genAttrs (
    lib.concatMap (module: attrNames module.options) (lib.attrValues inventory)
    ++ [
      "assertions"
      "warnings"
    ]
  ) (_: null);
  defaultNames = inventory.defaults.options.defaults;
  hostFields = inventory.hosts.options.hosts.type.nestedTypes.elemType.getSubOptions [ ];
  fieldsOf = field: lib.genAttrs hostFields.${field}.type.fieldNames (_: null);

  usual = import ./short-form-facts.nix;

  # Splits a set into the fields that are options of the inventory, and the remaining fields, which become a
  # fact.
  divided = known: field: value: {
    taken.${field} = intersectAttrs known value;
    facts = lib.optionalAttrs (removeAttrs value (attrNames known) != { }) {
      ${field} = removeAttrs value (attrNames known);
    };
  };
  divide =
    known: field: set:
    if isAttrs set.${field} or null && !(set.${field} ? _type) then
      divided known field set.${field}
    else
      {
        taken = intersectAttrs { ${field} = null; } set;
        facts = { };
      };

  # The SSH address of a host that declares no `addr`.
  addressOf =
    host:
    let
      found = lib.filter isString (
        lib.attrVals (lib.filter (name: host ? ${name}) [
          "ip"
          "fqdn"
          "hostname"
        ]) host
      );
    in
    lib.optionalAttrs (!(host ? addr) && found != [ ]) {
      # Removes the prefix length, such as /24, from an IP address.
      addr = lib.head (lib.splitString "/" (lib.head found));
    };

  hostOf =
    host:
    let
      ssh = divide (fieldsOf "ssh") "ssh" host;
      wol = divide (fieldsOf "wol") "wol" (
        if isString host.wol or null then host // { wol.mac = host.wol; } else host
      );
    in
    addressOf host
    // intersectAttrs hostFields host
    // ssh.taken
    // wol.taken
    // {
      facts = removeAttrs host (attrNames hostFields) // ssh.facts // wol.facts // host.facts or { };
    };

  networkOf =
    network:
    let
      ssh = divide defaultNames.ssh "ssh" network;
    in
    intersectAttrs defaultNames network
    // ssh.taken
    // {
      facts = removeAttrs network (attrNames defaultNames) // ssh.facts // network.facts or { };
    };

  isPlain = value: isAttrs value && !(value ? _type);
  hosts = lib.filterAttrs (_: isPlain) (if isPlain fleet.hosts or null then fleet.hosts else { });
  network = if isPlain fleet.network or null then fleet.network else { };

  # Warnings about unknown keys. Each key is reported once, with the names of all hosts that have it.
  strange =
    let
      # The keys in a set that is itself a key of a host or of `network`, such as `ssh.port`.
      within =
        field: known: set:
        lib.optionals (isPlain set.${field} or null) (
          map (key: "${field}.${key}") (attrNames (removeAttrs set.${field} known))
        );
      ofHost =
        name: host:
        map (key: { inherit key name; }) (
          attrNames (removeAttrs host (attrNames hostFields ++ usual.host))
          ++ within "ssh" (attrNames (fieldsOf "ssh") ++ [ "publicKey" ]) host
          ++ within "wol" (attrNames (fieldsOf "wol")) host
        );
      byKey = lib.groupBy (each: each.key) (lib.concatLists (lib.mapAttrsToList ofHost hosts));
    in
    lib.mapAttrsToList (
      key: having:
      "${key} of ${
        problem.names (map (each: "hosts.${each.name}") having)
      } is no key of the inventory: modules read it as host.facts.${key}"
    ) byKey
    ++ map (key: "network.${key} is no key of defaults: modules read it as host.facts.${key}") (
      attrNames (removeAttrs network (attrNames defaultNames ++ usual.network))
      ++ within "ssh" (attrNames defaultNames.ssh) network
    )
    ++ map (key: "${key} is no key of the inventory, and is ignored") (
      attrNames (removeAttrs (removeAttrs fleet [ "network" ]) (attrNames optionNames))
    );
in
{
  _file = "the argument `fleet` of mkFleet";

  config = lib.optionalAttrs (fleet != null) (
    intersectAttrs optionNames fleet
    // lib.optionalAttrs (fleet ? hosts) {
      hosts = if isPlain fleet.hosts then fleet.hosts // lib.mapAttrs (_: hostOf) hosts else fleet.hosts;
    }
    // {
      defaults = lib.mkMerge (
        lib.optional (fleet ? defaults) fleet.defaults
        ++ lib.optional (fleet ? network) (
          if isPlain fleet.network then networkOf network else fleet.network
        )
      );
      warnings = map (text: "the argument `fleet` of mkFleet: ${text}") strange ++ fleet.warnings or [ ];
    }
  );
}
