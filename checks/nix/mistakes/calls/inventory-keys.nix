{ inputs }:
{
  inherit inputs;
  inventory = ./inventories/prod.toml;
}
