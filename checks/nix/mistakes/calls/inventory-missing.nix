{ inputs }:
{
  inherit inputs;
  inventory = ./inventories/staging.toml;
}
