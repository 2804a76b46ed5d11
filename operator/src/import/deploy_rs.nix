# Reads the deployment data of deploy-rs: the output `deploy` of a flake. No profile is evaluated.
deploy:
let
  # The settings of a profile apply before those of its node, and those before the settings of all nodes.
  of = set: name: if set ? ${name} && set.${name} != null then set.${name} else null;
  node = name: node: {
    hostname = node.hostname or name;
    user = of node "user";
    sshUser = if of node "sshUser" != null then node.sshUser else of deploy "sshUser";
    sshOpts = (deploy.sshOpts or [ ]) ++ (node.sshOpts or [ ]);
    profiles = builtins.mapAttrs (_: profile: {
      user =
        if of profile "user" != null then
          profile.user
        else if of node "user" != null then
          node.user
        else
          of deploy "user";
      sshUser = of profile "sshUser";
      sshOpts = profile.sshOpts or [ ];
    }) (node.profiles or { });
  };
in
builtins.mapAttrs node (deploy.nodes or { })
