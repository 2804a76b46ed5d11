# Reads the deployment data of an evaluated hive: the output `colmenaHive` of a flake, which colmena itself
# makes. This evaluates the NixOS options of the nodes, but builds nothing.
hive:
let
  read = _: node: {
    inherit (node.config.deployment)
      allowLocalDeployment
      privilegeEscalationCommand
      tags
      targetHost
      targetPort
      targetUser
      ;
    # Older versions of colmena do not have these options.
    buildOnTarget = node.config.deployment.buildOnTarget or false;
    sshOptions = node.config.deployment.sshOptions or [ ];
    keys = builtins.attrNames node.config.deployment.keys;
    system = node.config.nixpkgs.hostPlatform.system or node.pkgs.system or null;
  };
in
{
  names = builtins.attrNames hive.nodes;
  nodes = builtins.mapAttrs read hive.nodes;
}
