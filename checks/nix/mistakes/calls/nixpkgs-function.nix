{ inputs }:
{
  inherit inputs;
  # As `import inputs.nixpkgs` gives it.
  nixpkgs = { system }: throw system;
  fleet.hosts.web-1.addr = "web-1";
}
