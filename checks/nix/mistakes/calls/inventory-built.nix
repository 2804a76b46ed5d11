{ inputs }:
{
  inherit inputs;
  inventory = "${inputs.nixpkgs.legacyPackages.x86_64-linux.hello}/prod.toml";
}
