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

  Values may be given with `lib.mkIf`, `lib.mkMerge`, `lib.mkDefault`, `lib.mkForce`, `lib.mkBefore` and `lib.mkAfter`, on a
  whole set, on an entry, on a field and on an element of a list. Every mistake in a fleet is told at once, with its file and line
  and a right example. [Option types](option-types.md) says how a value is read, and how modules declare options of their own.

  ## Fleet modules

  The argument `modules` of `nixfleet.lib.mkFleet`. They get the arguments `config`, `inputs`, `lib` and `options`.

  ${lib.concatMapStringsSep "\n" entry (optionsIn fleet.options)}
  ## Intent modules

  Roles, and `modules` of a host. They get the arguments `config`, `host`, `hosts`, `inputs`, `lib`, `name`, `options` and
  `pkgs`: `host` is this host in the inventory, and `hosts.<name>` any other, with its configuration as
  `hosts.<name>.config`.

  ${lib.concatMapStringsSep "\n" entry (optionsIn fleet.intents.host.options)}''
