# Reads the deployment data of deploy-rs: the output `deploy` of a flake. No profile is evaluated.
deploy:
let
  # The settings of a profile apply before those of its node, and those before the settings of all nodes.
  of = set: name: if set ? ${name} && set.${name} != null then set.${name} else null;
  first =
    name: sets:
    let
      found = builtins.filter (value: value != null) (map (set: of set name) sets);
    in
    if found == [ ] then null else builtins.head found;
  node = name: node: {
    hostname = node.hostname or name;
    user = of node "user";
    sshUser = first "sshUser" [
      node
      deploy
    ];
    sshOpts = (node.sshOpts or [ ]) ++ (deploy.sshOpts or [ ]);
    profiles = builtins.mapAttrs (_: profile: {
      user = first "user" [
        profile
        node
        deploy
      ];
      sudo = first "sudo" [
        profile
        node
        deploy
      ];
      remoteBuild = first "remoteBuild" [
        profile
        node
        deploy
      ];
      interactiveSudo = first "interactiveSudo" [
        profile
        node
        deploy
      ];
      sshUser = of profile "sshUser";
      sshOpts = profile.sshOpts or [ ];
    }) (node.profiles or { });
  };
in
builtins.mapAttrs node (deploy.nodes or { })
