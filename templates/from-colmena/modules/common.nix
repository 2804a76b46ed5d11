# The common part of all hosts: an ordinary NixOS module, as in a hive. The options below `nixfleet` are
# available too.
{ name, pkgs, ... }:
{
  environment.systemPackages = [ pkgs.hello ];

  # Colmena has no health checks. If nothing answers on this port after a change, the change is undone.
  nixfleet.healthChecks.ssh.tcp.port = 22;

  environment.etc."host-name".text = "${name}\n";
}
