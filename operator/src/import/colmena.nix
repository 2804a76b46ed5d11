# Reads the deployment data of a colmena hive: the output `colmena` of a flake. Only the options below
# `deployment` and the system of a node are evaluated. All other options are ignored, so that no NixOS system
# is evaluated.
#
# In the result, `nodes` has an entry for each node that `wanted` names, or for all nodes if `wanted` is null.
wanted: hive:
let
  inherit (builtins)
    elem
    filter
    isFunction
    listToAttrs
    ;

  reserved = [
    "defaults"
    "meta"
    "network"
  ];
  names = filter (name: !(elem name reserved)) (builtins.attrNames hive);

  meta = hive.meta or hive.network or { };

  # Returns the package set for a value that colmena accepts as nixpkgs: a path, a function, or the package
  # set itself.
  imported =
    nixpkgs:
    if isFunction nixpkgs then
      nixpkgs { system = "x86_64-linux"; }
    else if builtins.isPath nixpkgs || builtins.isString nixpkgs then
      import nixpkgs { system = "x86_64-linux"; }
    else
      nixpkgs;
  nixpkgs = imported meta.nixpkgs;
  inherit (nixpkgs) lib;

  # Returns the modules of a node. A node is a module or a list of modules.
  modulesOf = name: if builtins.isList hive.${name} then hive.${name} else [ hive.${name} ];

  node =
    name:
    let
      pkgs = if meta ? nodeNixpkgs.${name} then imported meta.nodeNixpkgs.${name} else nixpkgs;
      open =
        default:
        lib.mkOption {
          type = lib.types.raw or lib.types.unspecified;
          inherit default;
        };
      options = {
        options.deployment = {
          targetHost = open name;
          targetPort = open null;
          targetUser = open "root";
          privilegeEscalationCommand = open [
            "sudo"
            "-H"
            "--"
          ];
          tags = lib.mkOption {
            type = lib.types.listOf lib.types.str;
            default = [ ];
          };
          # The content of a key is a secret, or a path on the operator's machine. Therefore, only the names
          # of the keys are read.
          keys = lib.mkOption {
            type = lib.types.lazyAttrsOf (lib.types.raw or lib.types.unspecified);
            default = { };
          };
          allowLocalDeployment = open false;
          buildOnTarget = open false;
          replaceUnknownProfiles = open true;
          sshOptions = open [ ];
        };
        # The options in which a node sets its system. They are declared here, because NixOS itself, which
        # would declare them, is not evaluated.
        options.nixpkgs = {
          system = open null;
          hostPlatform = open null;
        };
        config._module.check = false;
        config._module.args = {
          inherit name;
          pkgs = lib.mkDefault pkgs;
          nodes = throw "the deployment data of ${name} depends on other nodes";
        };
      };
      evaluated = lib.evalModules {
        modules = [
          options
          (hive.defaults or { })
        ]
        ++ modulesOf name;
        specialArgs = {
          inherit name;
          modulesPath = "${pkgs.path or ""}/nixos/modules";
        }
        // (meta.specialArgs or { })
        // (meta.nodeSpecialArgs.${name} or { });
      };
      inherit (evaluated.config) deployment;

      # A system is a name, or a set that contains the name. A value that cannot be evaluated without NixOS is
      # ignored.
      inherit (evaluated.config.nixpkgs) hostPlatform system;
      named =
        value:
        let
          found = builtins.tryEval (if builtins.isAttrs value then value.system or null else value);
        in
        if found.success && builtins.isString found.value then found.value else null;
      first = lib.findFirst (value: value != null) null;
    in
    {
      inherit (deployment)
        allowLocalDeployment
        buildOnTarget
        privilegeEscalationCommand
        sshOptions
        tags
        targetHost
        targetPort
        targetUser
        ;
      keys = builtins.attrNames deployment.keys;
      system = first [
        (named hostPlatform)
        (named system)
        (named (pkgs.stdenv.hostPlatform.system or pkgs.system or null))
      ];
    };
in
{
  inherit names;
  nodes = listToAttrs (
    map (name: {
      inherit name;
      value = node name;
    }) (if wanted == null then names else filter (name: elem name wanted) names)
  );
}
