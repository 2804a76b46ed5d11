{ inputs }:
{
  inherit inputs;
  inventory = ./inventories/prod.json;
}
