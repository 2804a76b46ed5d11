# `fleet-deploy-user`: the SSH user of a host exists, has the keys of `ssh.authorizedKeys`, and may run sudo
# without a password.
let
  assertion = name: keys: {
    assertion = keys != [ ];
    message = "nobody could log in to ${name}: set hosts.${name}.ssh.authorizedKeys or defaults.ssh.authorizedKeys";
  };

  # On Ubuntu and Debian.
  sudoers = user: {
    text = "${user} ALL=(ALL:ALL) NOPASSWD: ALL\n";
    mode = "0440";
    validate = [
      "/usr/sbin/visudo"
      "-cf"
      "%s"
    ];
  };

  # On NixOS.
  rule = user: {
    users = [ user ];
    commands = [
      {
        command = "ALL";
        options = [ "NOPASSWD" ];
      }
    ];
  };
in
{
  intent =
    { host, lib, ... }:
    let
      inherit (host.ssh) user authorizedKeys;
      isRoot = user == "root";
    in
    {
      _file = ./fleet-deploy-user.nix;
      config = lib.mkMerge [
        {
          assertions = [ (assertion host.name authorizedKeys) ];
          nixfleet.users.${user} = {
            openssh = { inherit authorizedKeys; };
          }
          // lib.optionalAttrs (!isRoot) { system = false; };
        }
        (lib.optionalAttrs (!isRoot) (
          if host.base == "nixos" then
            { security.sudo.extraRules = [ (rule user) ]; }
          else
            { nixfleet.files."/etc/sudoers.d/60-nixfleet-deploy" = sudoers user; }
        ))
      ];
    };

  # The host is the one of the fleet with the name of the machine; any other has the defaults.
  nixos =
    fleet:
    { config, lib, ... }:
    let
      name = config.networking.hostName;
      inherit ((fleet.checked [ ] fleet).hosts.${name} or fleet.config.defaults) ssh;
      isRoot = ssh.user == "root";
    in
    {
      _file = ./fleet-deploy-user.nix;
      config = {
        assertions = [ (assertion name ssh.authorizedKeys) ];
        users.users.${ssh.user} = {
          openssh.authorizedKeys.keys = ssh.authorizedKeys;
        }
        // lib.optionalAttrs (!isRoot) { isNormalUser = true; };
        security.sudo.extraRules = lib.optional (!isRoot) (rule ssh.user);
      };
    };
}
