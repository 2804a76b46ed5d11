# `fleet-deploy-user` declares the SSH user of a host, with the keys of `ssh.authorizedKeys`, and allows it to
# run sudo without a password.
let
  assertion = name: keys: {
    assertion = keys != [ ];
    message = "nobody could log in to ${name}: set hosts.${name}.ssh.authorizedKeys or defaults.ssh.authorizedKeys";
  };

  # The sudo rule on Ubuntu and Debian, as a file.
  sudoers = user: {
    text = "${user} ALL=(ALL:ALL) NOPASSWD: ALL\n";
    mode = "0440";
    validate = [
      "/usr/sbin/visudo"
      "-cf"
      "%s"
    ];
  };

  # The sudo rule on NixOS, for `security.sudo.extraRules`.
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

  # If the fleet has a host with the name of this machine, that host's SSH settings are used. Otherwise the
  # fleet's `defaults.ssh` is used.
  nixos =
    fleet:
    { config, lib, ... }:
    let
      name = config.networking.hostName;
      inherit ((fleet.checked { } fleet).hosts.${name} or fleet.config.defaults) ssh;
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
