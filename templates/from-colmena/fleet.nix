# The hosts of a hive. `nixfleet import colmena PATH/TO/FLAKE` prints this file for your own hive, without the
# modules.
#
#   in a hive                                here
#   defaults                                 defaults.modules
#   NAME.imports                             hosts.NAME.modules
#   NAME.deployment.targetHost               hosts.NAME.addr
#   NAME.deployment.targetPort, targetUser   hosts.NAME.ssh.port, hosts.NAME.ssh.user
#   NAME.deployment.tags                     hosts.NAME.tags
#   NAME.deployment.keys                     stays in a module of the host, and only colmena reads it
#   meta.nodeNixpkgs.NAME                    hosts.NAME.pkgs, for the packages only; the modules of NixOS come
#                                            from the `nixpkgs` of mkFleet
#   the argument `nodes` of modules          `hosts`, with the inventory: hosts.NAME.addr, hosts.NAME.tags
#   apply --parallel 5                       defaults.rollout.maxParallel = 5
{
  defaults.base = "nixos";
  defaults.ssh.user = "deploy";
  defaults.modules = [ ./modules/common.nix ];
  defaults.rollout.maxParallel = 5;

  hosts.web-2 = {
    addr = "10.0.1.12";
    tags = [ "web" ];
    modules = [ ./hosts/web-2/configuration.nix ];
  };
}
