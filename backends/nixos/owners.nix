# The owners of paths outside /etc. NixFleet's engine makes these paths before NixOS creates the accounts of
# the new system. So a part of the activation script calls the engine to give the paths to new accounts before
# any unit starts.
{
  accountsOf,
  etc,
  lib,
  ...
}:
let
  inherit (accountsOf) isScripted names;

  owned = intent: lib.attrValues intent.directories ++ lib.attrValues (etc.outside intent.files);

  # The owners of paths that NixOS declares. Every NixOS has the accounts of the superuser.
  declared =
    owners: accounts:
    lib.subtractLists [ "root" ] (lib.intersectLists (names accounts) (lib.unique owners));
in
rec {
  # The accounts that own paths, and that the activation of the system creates if they do not exist.
  accounts =
    config: intent:
    lib.optionalAttrs (isScripted config) {
      users = declared (map (path: path.owner) (owned intent)) config.users.users;
      groups = declared (map (path: path.group) (owned intent)) config.users.groups;
    };

  config =
    { config, intent, ... }:
    let
      found = accounts config intent;
    in
    {
      system.activationScripts = lib.mkIf (found.users or [ ] != [ ] || found.groups or [ ] != [ ]) {
        nixfleet-owners = {
          deps = [
            "users"
            "groups"
          ];
          text = builtins.readFile ./give-owners.sh;
        };
      };
    };

  problems = _: [ ];
}
