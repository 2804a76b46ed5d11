# `nixfleet.directories.<path>`: directories with this mode and owner.
{ lib, types }:
let
  inherit (lib) mkOption;

  directory = types.record {
    description = "a set with mode, owner and group";
    fields = {
      mode = mkOption {
        type = types.mode;
        default = "0755";
        example = "0750";
        description = "Octal permission bits.";
      };
      owner = mkOption {
        type = types.accountName;
        default = "root";
        example = "web";
        description = "The owner by name.";
      };
      group = mkOption {
        type = types.accountName;
        default = "root";
        example = "web";
        description = "The group by name.";
      };
    };
  };
in
{
  _file = ./directories.nix;

  options.nixfleet.directories = mkOption {
    type = types.entries {
      description = "a set of directories by path";
      key = types.managedPath;
      keyExample = "/var/lib/app";
      correct = types.correctPath;
      element = directory;
    };
    default = { };
    example = {
      "/var/lib/app" = {
        mode = "0750";
        owner = "app";
        group = "app";
      };
    };
    description = ''
      Directories on the host, by absolute path. What stands in them is left alone. A directory that is no longer declared
      goes only when NixFleet made it and it is empty.
    '';
  };
}
