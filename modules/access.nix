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
    description = "Octal permission bits.";
  };
  owner = mkOption {
    type = types.owner;
    default = "root";
    example = "web";
    description = "The owner by name.";
  };
  group = mkOption {
    type = types.owner;
    default = "root";
    example = "web";
    description = "The group by name.";
  };
}
