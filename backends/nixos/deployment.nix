# `deployment`, which colmena declares. A host's modules may set it also where colmena does not evaluate them.
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
