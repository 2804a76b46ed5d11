# `nixfleet.directories.<path>`: a directory at this path, with its mode, owner and group.
{ lib, types }:
let
  directory = types.record {
    description = "a set with mode, owner and group";
    elsewhere = import ./access-elsewhere.nix;
    fields = import ./access.nix {
      inherit lib types;
      mode = "0755";
    };
  };
in
{
  _file = ./directories.nix;

  options.nixfleet.directories = lib.mkOption {
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
      Directories on the host, by absolute path. The content of a directory is left alone. A directory that is no
      longer declared is removed only if NixFleet created it and it is empty.
    '';
  };
}
