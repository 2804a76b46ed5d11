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
        What must hold: each a set with `assertion`, true or false, and `message`, which says what to do where it is false. They
        are looked at once all options are right, and all that fail are told together with what else is wrong then.
      '';
    };

    warnings = mkOption {
      type = types.listOf types.string;
      default = [ ];
      example = [ "app.legacyPort goes in the next release: use app.port" ];
      description = "What Nix prints as a warning whenever this is built. Nothing is refused.";
    };
  };
}
