# The nodes of deploy-rs. `nixfleet import deploy-rs PATH/TO/FLAKE` prints this file for your own nodes,
# without the modules.
#
#   in deploy-rs                             here
#   deploy.nodes.NAME.hostname               hosts.NAME.addr
#   sshUser                                  hosts.NAME.ssh.user
#   sshOpts                                  hosts.NAME.ssh.port, and your ~/.ssh/config
#   profiles.system                          hosts.NAME.modules: the modules of nixosConfigurations.NAME
#   autoRollback                             always: a change that fails is undone
#   magicRollback, confirmTimeout            always, within defaults.rollout.confirmTimeout
#   activationTimeout                        nixfleet.activationTimeout in a module of the host
{
  defaults.base = "nixos";
  defaults.ssh.user = "deploy";
  defaults.rollout.confirmTimeout = "30s";

  hosts.web-2 = {
    addr = "10.0.1.12";
    modules = [ ./hosts/web-2/configuration.nix ];
  };
}
