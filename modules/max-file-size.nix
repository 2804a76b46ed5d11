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
      How many bytes a file may have that stands at a managed path, and that is not root's or is in a directory that is not
      root's. One that is larger is neither read nor kept, and a change of its path is refused: whose it is could keep the
      host reading for hours. What the fleet itself puts there may be of any size.
    '';
  };
}
