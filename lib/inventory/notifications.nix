# `notifications.<name>`: the recipients of messages about rollouts.
#
# Secrets must not be written here. Everything in a flake is copied to the Nix store, which all users of a
# machine can read. Secret addresses and tokens stay in a file or an environment variable on the operator's
# machine.
{ lib, types }:
let
  inherit (lib) mkOption;

  # The path of a file on the operator's machine. It must be a string, because a Nix path would be copied into
  # the store.
  file = types.scalar {
    name = "operatorsFile";
    description = "the path of a file in quotes, outside of the Nix store, such as \"/run/secrets/slack\" or \"~/.config/slack\"";
    accepts =
      value:
      lib.isString value
      && !builtins.hasContext value
      && builtins.match "(/|~/)[^\n]+" value != null
      && !lib.hasPrefix "/nix/store/" value;
    placeholder = "/nonexistent";
  };
  variable = types.matching {
    name = "variable";
    description = "the name of an environment variable such as \"SLACK_WEBHOOK\"";
    regex = "[A-Za-z_][A-Za-z0-9_]*";
    placeholder = "NONE";
  };
  # An address without whitespace. This type accepts an address with a password, because an error message of
  # the type would quote the password. The check below reports such an address.
  url = types.matching {
    name = "url";
    description = "an address that begins with https:// or http://";
    regex = "https?://[^[:space:]]+";
    placeholder = "http://localhost";
  };

  addresses = [
    "url"
    "urlFile"
    "urlEnv"
  ];
  tokens = [
    "tokenFile"
    "tokenEnv"
  ];
  # The kinds whose address is a secret, because anybody who knows the address can post messages.
  secretAddress = [
    "discord"
    "slack"
  ];

  absent =
    type: rest:
    mkOption (
      {
        type = types.nullOr type;
        default = null;
      }
      // rest
    );

  notification = types.record {
    description = "a set with kind, and an address or a command";
    fields = {
      kind = mkOption {
        type = types.oneOf types.shared.choices.messageFormat;
        defaultText = lib.literalMD "none: the option must be set";
        example = "slack";
        description = ''
          The format of the messages. `webhook`: JSON in a POST request. `ntfy`, `discord` and `slack`: a text in the
          format of this service, which similar services also accept. `command`: JSON on the standard input of a
          program.
        '';
      };
      url = absent url {
        example = "https://ntfy.example.org/fleet";
        description = ''
          The address of the recipient, if the address is not a secret. The addresses of `discord` and `slack` are
          always secrets.
        '';
      };
      urlFile = absent file {
        example = "/run/secrets/slack-webhook";
        description = "A file on the operator's machine that contains the address of the recipient and nothing else.";
      };
      urlEnv = absent variable {
        example = "SLACK_WEBHOOK";
        description = "An environment variable of the operator that contains the address of the recipient.";
      };
      tokenFile = absent file {
        example = "~/.config/nixfleet/ntfy-token";
        description = ''
          A file on the operator's machine that contains a token, for `webhook` and `ntfy`. The token is sent as
          `Authorization: Bearer …`.
        '';
      };
      tokenEnv = absent variable {
        example = "NTFY_TOKEN";
        description = ''
          An environment variable of the operator that contains a token, for `webhook` and `ntfy`. The token is sent as
          `Authorization: Bearer …`.
        '';
      };
      command = mkOption {
        type = types.listOf types.line;
        default = [ ];
        example = [
          "notify-send"
          "NixFleet"
        ];
        description = ''
          The program and its arguments, for the kind `command`. The program is found in `PATH`. It runs on the machine
          on which `nixfleet` runs.
        '';
      };
      on = mkOption {
        type = types.listOf (types.oneOf types.shared.choices.moment);
        default = types.shared.choices.moment;
        example = [
          "pause"
          "failure"
        ];
        description = ''
          The moments at which a message is sent. `start`: the first host is about to be changed. `pause`: the rollout
          stopped or was interrupted, and can be resumed. `failure`: the rollout ended with hosts that are not as they
          should be, or paused because of such hosts. `success`: every host is as it should be. If two moments apply at
          once, only one message is sent.
        '';
      };
      timeout = mkOption {
        type = types.durationBetween {
          low = 1;
          high = 60;
        };
        default = 10;
        defaultText = lib.literalMD "`\"10s\"`";
        example = "5s";
        description = ''
          Time limit for sending a message. Hosts never wait for a message. At its end, the command waits for unsent
          messages, but at most for this time plus two seconds. A message that cannot be sent causes a warning, and
          changes nothing else.
        '';
      };
    };
    check =
      {
        loc,
        value,
        def,
      }:
      let
        at = lib.showOption loc;
        given = lib.filter (name: value.${name} != null);
        problem = rest: types.problem.make ({ inherit loc def; } // rest);
        isCommand = value.kind == "command";
        needless =
          if isCommand then
            given (addresses ++ tokens)
          else
            lib.optional (value.command != [ ]) "command"
            ++ lib.optionals (lib.elem value.kind secretAddress) (given tokens);
        isSecret = value.url != null && lib.elem value.kind secretAddress;
        hasUser = value.url != null && builtins.match "https?://[^/]*@.*" value.url != null;
      in
      lib.optional (isCommand && lib.head (value.command ++ [ "" ]) == "") (problem {
        about = [
          "command"
          "kind"
        ];
        what = "${at} has no command";
        why = "its kind is \"command\"";
        example = "${at}.command = [ \"notify-send\" \"NixFleet\" ];";
      })
      ++ lib.optional (!isCommand && lib.length (given addresses) != 1) (problem {
        about = addresses ++ [ "kind" ];
        what = "${at} must have one of ${types.problem.names addresses}";
        why = "one of them has to set the address that receives the notification";
        example = "${at}.urlFile = \"/run/secrets/${lib.last loc}\";";
      })
      ++ lib.optional isSecret (problem {
        what = "${at}.url is a secret, and would get into the Nix store";
        why = "anybody who knows such an address of ${value.kind} can send messages to it";
        example = "${at}.urlFile = \"/run/secrets/${lib.last loc}\";";
      })
      ++ lib.optional (hasUser && !isSecret) (problem {
        what = "${at}.url holds a user or a password, and would get into the Nix store";
        why = "every user of a machine can read the Nix store";
        example = "${at}.urlFile = \"/run/secrets/${lib.last loc}\";";
      })
      ++ lib.optional (lib.length (given tokens) == 2) (problem {
        what = "${at} has two tokens";
        why = "only one token is sent";
        example = "${at}.tokenFile = null;";
      })
      ++ lib.optional (needless != [ ]) (problem {
        about = [ "kind" ];
        what = "${at} has ${types.problem.names needless}, which a ${value.kind} does not use";
        example = "${at}.kind = \"${if isCommand then "webhook" else "command"}\";";
      });
  };
in
{
  _file = ./notifications.nix;

  options.notifications = mkOption {
    type = types.entries {
      description = "a set of notifications";
      key = types.label;
      keyExample = "team";
      element = notification;
    };
    default = { };
    example = {
      team = {
        kind = "slack";
        urlFile = "/run/secrets/slack-webhook";
        on = [
          "pause"
          "failure"
        ];
      };
    };
    description = ''
      Recipients of messages about rollouts. The name of each recipient appears in warnings. Messages contain no
      secrets: neither the contents of files nor the arguments of commands.
    '';
  };
}
