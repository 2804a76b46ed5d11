# Installs the SSH keys that `nixfleet.users` declares. The keys of each user are in a file under /etc/ssh
# that only root can change. sshd reads this file in addition to the user's own authorized_keys.
{ lib }:
users:
let
  addedFile = import ./added-file.nix;

  withKeys = lib.filterAttrs (_: user: user.openssh.authorizedKeys != [ ]) users;

  # The files with keys that sshd reads for a user: the two default files of OpenSSH, then NixFleet's file.
  # sshd replaces %u by the user name.
  places = [
    ".ssh/authorized_keys"
    ".ssh/authorized_keys2"
    "/etc/ssh/nixfleet-keys/%u"
  ];

  reason = "for the SSH keys in nixfleet.users";

  keysOf =
    name: user:
    lib.nameValuePair "/etc/ssh/nixfleet-keys/${name}" (
      addedFile (lib.concatMapStrings (key: "${key}\n") user.openssh.authorizedKeys)
    );
in
if withKeys == { } then
  {
    inherit reason;
    files = { };
    directories = { };
  }
else
  {
    inherit reason;
    directories."/etc/ssh/nixfleet-keys" = {
      mode = "0755";
      owner = "root";
      group = "root";
    };
    files = lib.mapAttrs' keysOf withKeys // {
      "/etc/ssh/sshd_config.d/60-nixfleet.conf" =
        addedFile "AuthorizedKeysFile ${lib.concatStringsSep " " places}\n"
        // {
          reloadUnits = [ "ssh.service" ];
          validate = [
            "/usr/sbin/sshd"
            "-t"
            "-f"
            "%s"
          ];
        };
    };
  }
