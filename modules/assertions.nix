# The options `assertions` and `warnings`, which users' modules may set.
{ lib, types }:
let
  inherit (lib) mkOption;
in
{
  _file = ./assertions.nix;

  options = {
    assertions = mkOption {
      type = types.assertions;
      default = [ ];
      example = lib.literalExpression ''
        [
          {
            assertion = config.nixfleet.users ? app;
            message = "the app needs its user: add nixfleet.users.app";
          }
        ]'';
      description = ''
        Conditions that must hold. Each is a set with `assertion`, which is true or false, and `message`, which says
        what to do if `assertion` is false. Assertions are checked after all options are free of mistakes. All failed
        assertions are reported together, with any other mistakes that are found at that stage.
      '';
    };

    warnings = mkOption {
      type = types.listOf types.string;
      default = [ ];
      example = [ "app.legacyPort will be removed in the next release: use app.port" ];
      description = ''
        Warnings that Nix prints when it evaluates the configuration. A warning does not stop the evaluation.
      '';
    };
  };
}
