# `hostKeys`: the file with the host keys that `nixfleet host adopt` and `nixfleet bootstrap` record.
{ lib, types }:
{
  _file = ./host-keys.nix;

  options.hostKeys = lib.mkOption {
    type = types.nullOr types.fileSource;
    default = null;
    example = lib.literalExpression "./host-keys.json";
    description = ''
      The JSON file with the host keys: an object with the name of each host and its public key. `nixfleet host adopt`
      and `nixfleet bootstrap` write it, after you have agreed to a key. A key in the file is the same as
      `hosts.<name>.ssh.hostKey`. The file need not exist before the first key is recorded.
    '';
  };
}
