# The options for the mode, owner and group of a file or a directory.
{
  lib,
  types,
  # The default mode, such as "0644".
  mode,
}:
let
  inherit (lib) mkOption;
in
{
  mode = mkOption {
    type = types.mode;
    default = mode;
    example = if mode == "0755" then "0750" else "0640";
    description = "The permission bits as an octal number in quotes.";
  };
  owner = mkOption {
    type = types.owner;
    default = "root";
    example = "web";
    description = "The owner: the name of a user, or a user id in quotes.";
  };
  group = mkOption {
    type = types.owner;
    default = "root";
    example = "web";
    description = "The group: the name of a group, or a group id in quotes.";
  };
}
