{ inputs }:
{
  inherit inputs;
  # A function, as `import inputs.nixpkgs` returns it.
  nixpkgs = { system }: throw system;
  fleet.hosts.web-1.addr = "web-1";
}
