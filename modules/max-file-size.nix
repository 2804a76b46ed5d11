# `nixfleet.maxFileSize`: the maximum size, in bytes, of a file at a managed path, if the file or its
# directory does not belong to root.
{ lib, types }:
{
  _file = ./max-file-size.nix;

  options.nixfleet.maxFileSize = lib.mkOption {
    type = types.nullOr (
      types.intBetween {
        noun = "a number of bytes";
        low = 1;
        high = 1099511627776;
        placeholder = 1;
      }
    );
    default = null;
    defaultText = lib.literalMD "64 MiB";
    example = 1073741824;
    description = ''
      The maximum size, in bytes, of an existing file at a managed path. The limit applies if the file or its
      directory does not belong to root. NixFleet neither reads nor backs up a larger file, and refuses to change
      its path, because reading a file of another user could occupy the host for hours. Files that the fleet
      declares may have any size.
    '';
  };
}
