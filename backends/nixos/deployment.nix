# Declares `deployment`, an option of colmena, so that a host's modules may set it. NixFleet ignores its
# value.
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
    description = "How colmena deploys the host. NixFleet ignores these settings.";
  };
}
