{ inputs }:
{
  inherit inputs;
  inventory = ./inventories/prod.ini;
}
