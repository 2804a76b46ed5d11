# `fleet-hosts` adds the names of all hosts of the fleet to /etc/hosts.
{ generateHosts }:
let
  line = address: names: "${address} ${builtins.concatStringsSep " " names}\n";

  # The lines that Debian's installer writes to /etc/hosts.
  own = host: ''
    127.0.0.1 localhost
    127.0.1.1 ${host.name}
    ::1 localhost ip6-localhost ip6-loopback
    ff02::1 ip6-allnodes
    ff02::2 ip6-allrouters

  '';
in
{
  intent =
    {
      host,
      hosts,
      lib,
      ...
    }:
    let
      all = generateHosts { inherit hosts; };
    in
    {
      _file = ./fleet-hosts.nix;
      config =
        if host.base == "nixos" then
          { networking.hosts = all; }
        else
          {
            nixfleet.files."/etc/hosts" = {
              text = own host + lib.concatStrings (lib.mapAttrsToList line all);
              onConflict = "backup";
            };
          };
    };

  nixos = fleet: {
    _file = ./fleet-hosts.nix;
    config.networking.hosts = generateHosts { hosts = fleet.checked { } fleet.hosts; };
  };
}
