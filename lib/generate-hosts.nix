# The names of all hosts, grouped by address, as NixOS's option `networking.hosts` takes them. `fleet` is any
# set with `hosts`: a fleet, or the argument `hosts` of modules.
#
# The names of a host are its name in the fleet and its facts `fqdn` and `hostname`. The address of a host is
# its fact `ip` if that is numeric, or otherwise its `addr`. A host without a numeric address is left out.
{ hosts, ... }:
let
  inherit (builtins)
    attrNames
    concatMap
    elem
    filter
    foldl'
    groupBy
    head
    isString
    mapAttrs
    match
    split
    ;

  isNumeric = text: match "[0-9]+(\\.[0-9]+){3}|[0-9A-Fa-f]*:[0-9A-Fa-f:.]+" text != null;
  without = text: head (split "/" text);
  unique = foldl' (all: each: if elem each all then all else all ++ [ each ]) [ ];

  ofHost =
    name:
    let
      host = hosts.${name};
      facts = host.facts or { };
      said = names: filter isString (map (fact: facts.${fact} or null) names);
      addresses = filter isNumeric (map without (said [ "ip" ]) ++ [ host.addr ]);
    in
    if addresses == [ ] then
      [ ]
    else
      [
        {
          address = head addresses;
          names = said [ "fqdn" ] ++ [ name ] ++ said [ "hostname" ];
        }
      ];
in
mapAttrs (_: same: unique (concatMap (each: each.names) same)) (
  groupBy (each: each.address) (concatMap ofHost (attrNames hosts))
)
