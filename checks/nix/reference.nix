# The content of docs/reference/options.md, made from the options themselves.
{ lib, evalFleet, ... }:
let
  fleet = evalFleet { hosts.host.addr = "host"; };

  optionsIn = options: lib.optionAttrSetToDocList (removeAttrs options [ "_module" ]);

  # A default value as code, or its description in words, such as "chosen by the host".
  default = value: if value._type == "literalMD" then value.text else "`${value.text}`";

  entry = option: ''
    ### `${option.name}`

    ${lib.removeSuffix "\n" option.description}

    - Must be ${option.type}.
    - Default: ${default option.default}

    ```nix
    ${option.example.text}
    ```
  '';
in
''
  # Options

  <!-- Made by `checks/nix/run --rewrite`; a test compares it with the options themselves. -->

  `lib.mkIf`, `lib.mkMerge`, `lib.mkDefault`, `lib.mkForce`, `lib.mkBefore` and `lib.mkAfter` work on a whole set, an entry, a
  field and an element of a list. NixFleet reports all mistakes of a fleet at once, each with its file, its line and a correct
  example. [Option types](option-types.md) describes how values are read, and how modules can declare options of their own.

  ## Fleet modules

  The argument `modules` of `nixfleet.lib.mkFleet` is a list of fleet modules. Fleet modules have the arguments `config`,
  `inputs`, `lib` and `options`.

  ${lib.concatMapStringsSep "\n" entry (optionsIn fleet.options)}
  ## Intent modules

  Roles, and the entries of `hosts.<name>.modules`, are intent modules. Intent modules have the arguments `config`, `host`,
  `hosts`, `inputs`, `lib`, `name`, `options` and `pkgs`. `host` is the inventory entry of the host itself. `hosts.<name>` is the
  inventory entry of any host, and `hosts.<name>.config` is the configuration of that host.

  ${lib.concatMapStringsSep "\n" entry (optionsIn fleet.intents.host.options)}''
