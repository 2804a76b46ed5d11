# Tests that the table of keys in docs/reference/short-form.md agrees with lib/short-form.nix.
{ lib, nixfleet, ... }:
let
  page = builtins.readFile ../../docs/reference/short-form.md;

  # The rows of the table, each as a list of the keys in its first column. If the first key of a row has a
  # prefix, such as `network.`, the prefix applies to all keys of the row.
  rows = map keysOf (lib.filter (lib.hasPrefix "| `") (lib.splitString "\n" page));
  keysOf =
    line:
    let
      column = lib.elemAt (lib.splitString "|" line) 1;
      quoted = map lib.head (lib.filter lib.isList (builtins.split "`([^`]*)`" column));
      prefix = lib.head (
        lib.filter (prefix: lib.hasPrefix prefix (lib.head quoted)) [
          "hosts.<name>.ssh."
          "hosts.<name>."
          "network."
        ]
      );
    in
    map (key: prefix + lib.removePrefix prefix key) quoted;

  # Returns the keys of the row that contains this key, or an empty list if no row contains it.
  rowOf = key: lib.findFirst (lib.elem key) [ ] rows;
  sorted = lib.sort lib.lessThan;
  under = prefix: names: sorted (map (name: prefix + name) names);

  facts = import ../../lib/short-form-facts.nix;
  inherit (nixfleet.evalFleet { modules = [ ]; }) options;
  ofHost = options.hosts.type.nestedTypes.elemType.getSubOptions [ ];

  fleet = nixfleet.fleetOf {
    fleet = {
      hosts.web-1 = lib.genAttrs facts.host (key: "web-${key}");
      network = lib.genAttrs facts.network (key: "any-${key}");
    };
  };
in
{
  "the page lists the options of defaults" = {
    expr = sorted (rowOf "network.base");
    expected = under "network." (lib.attrNames options.defaults);
  };

  "the page lists the options of ssh" = {
    expr = sorted (rowOf "hosts.<name>.ssh.user");
    expected = under "hosts.<name>.ssh." ofHost.ssh.type.fieldNames;
  };

  "the page lists the common keys of a network" = {
    expr = sorted (rowOf "network.domain");
    expected = under "network." facts.network;
  };

  "the page lists the common keys of a host" = {
    expr = sorted (rowOf "hosts.<name>.fqdn" ++ rowOf "hosts.<name>.ip");
    expected = under "hosts.<name>." facts.host;
  };

  "the common keys become facts without a warning" = {
    expr = {
      inherit (fleet) warnings;
      inherit (fleet.hosts.web-1) facts;
    };
    expected = {
      warnings = [ ];
      facts =
        lib.genAttrs facts.host (key: "web-${key}") // lib.genAttrs facts.network (key: "any-${key}");
    };
  };

  "every row of the page is tested here or in short-form.nix" = {
    expr = map lib.head rows;
    expected = [
      "hosts.<name>.addr"
      "hosts.<name>.ip"
      "hosts.<name>.fqdn"
      "hosts.<name>.tags"
      "hosts.<name>.ssh.user"
      "hosts.<name>.ssh.publicKey"
      "hosts.<name>.wol.mac"
      "network.domain"
      "network.base"
    ];
  };
}
