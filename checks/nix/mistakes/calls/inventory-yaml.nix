{ inputs }:
{
  inherit inputs;
  inventory = ./inventories/prod.yaml;
}
