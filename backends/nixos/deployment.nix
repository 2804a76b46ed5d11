# Declares `deployment`, an option of colmena. So a host's modules may set it even when NixFleet evaluates
# them, which ignores its value.
{ lib }:
{
  _file = ./deployment.nix;

  options.deployment = lib.mkOption {
    type = lib.mkOptionType {
      name = "ignored";
      description = "anything";
      merge = _: _: { };
    };
    default = { };
    example = {
      buildOnTarget = true;
    };
    description = "How colmena deploys the host. NixFleet does not read it.";
  };
}
