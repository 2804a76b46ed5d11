# Types for common values, such as ports, paths, modes and names.
{
  lib,
  scalar,
  shared,
}:
let
  inherit (scalar) matching;

  # Whether a path is in its normal form: no component is empty, "." or "..", and no slash is at the end. Each
  # path has only one normal form.
  isNormal =
    value:
    builtins.isString value
    && builtins.match "(/([^/.\n][^/\n]*|\\.[^/.\n][^/\n]*|\\.\\.[^/\n]+))+" value != null;

  # Whether a path has only common characters. Most paths do, and this check with one regular expression is
  # faster than the complete check with two.
  isPlain = value: builtins.match "(/[A-Za-z0-9_@+-][A-Za-z0-9._@+-]*)+" value != null;
  isWritable = value: builtins.isString value && (isPlain value || isNormal value && isVisible value);

  # Characters that are invisible or that change how other characters are displayed. Only a path with unusual
  # characters is compared with this list. The builder has the same list and refuses the same paths.
  unseen = builtins.fromJSON (builtins.readFile ../../contract/src/values/hidden.json);
  isVisible =
    value:
    builtins.match "[ -~]*" value != null
    || builtins.match "[^[:cntrl:]]*" value != null && !lib.any (each: lib.hasInfix each value) unseen;

  reserved = import ./reserved.nix { inherit lib; };

  inherit (shared.choices) unitSuffix;
  dotted = suffix: ".${suffix}";

  # A path that NixFleet may write to. Reserved paths, to which only other tools may write, are refused.
  managedPath =
    scalar.scalar {
      name = "managedPath";
      description = "an absolute path in quotes, without \"..\" and without a slash at the end";
      accepts = value: isWritable value && (!reserved.mayBe value || reserved.at value == null);
      placeholder = "/nonexistent";
    }
    // {
      refusal =
        value:
        if !isNormal value then
          null
        else if !isVisible value then
          {
            why = "it contains a character that is invisible, or that changes how other characters are shown";
            help = "remove the character from the path";
          }
        else
          reserved.at value;
    };

  # The reason why a path must not be removed, or null. The host needs the directories directly below /, and
  # all directories that contain a reserved path.
  whyNeeded =
    path:
    let
      place = reserved.below path;
    in
    if place != null then
      "it contains ${place}"
    else if dirOf path == "/" then
      "it is directly below /"
    else
      null;
in
{
  inherit managedPath;

  # A path that NixFleet may remove.
  absentPath = managedPath // {
    name = "absentPath";
    accepts = value: managedPath.accepts value && whyNeeded value == null;
    refusal =
      value:
      let
        refused = managedPath.refusal value;
      in
      if refused != null || !isNormal value then
        refused
      else
        {
          why = whyNeeded value;
          help = "declare paths in it as absent instead, one by one";
        };
  };

  port = scalar.intBetween {
    noun = "a port";
    low = 1;
    high = 65535;
    placeholder = 22;
  };

  # A numeric id of a user or group (uid_t, gid_t), except root's id and the value that means "no change".
  id = scalar.intBetween {
    noun = "a number";
    low = 1;
    high = 4294967294;
    placeholder = null;
  };

  mode = matching {
    name = "mode";
    description = "an octal mode in quotes such as \"0644\"";
    regex = "0?[0-7]{3}|[0-7]{4}";
    placeholder = "0644";
  };

  # A path in a line of /etc/passwd. It must not contain a colon, because a colon would end the field of the
  # path.
  path = scalar.scalar {
    name = "path";
    description = "an absolute path in quotes, without \"..\", without \":\" and without a slash at the end";
    accepts = value: value == "/" || isWritable value && !lib.hasInfix ":" value;
    placeholder = "/nonexistent";
  };

  # Corrects the slashes at the beginning and the end of a wrong path. A message suggests the corrected path.
  correctPath = name: "/${lib.removeSuffix "/" (lib.removePrefix "/" name)}";

  hostName = matching {
    name = "hostName";
    description = "a host name of letters, digits and hyphens";
    regex = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
    placeholder = "host";
  };

  # The address of a host for ssh. It must not begin with a hyphen, because ssh would read it as an option.
  address = matching {
    name = "address";
    description = "a host name or an IP address";
    regex = "[A-Za-z0-9_:][A-Za-z0-9._:%-]*";
    placeholder = "localhost";
  };

  # The address of a web server. It must not contain a password, because everybody could read it.
  httpUrl = matching {
    name = "httpUrl";
    description = "an address such as \"http://localhost:8080/health\"";
    regex = "https?://([A-Za-z0-9._%-]+|\\[[0-9a-fA-F:.]+])(:[1-9][0-9]{0,4})?([/?][^ \n]*)?";
    placeholder = "http://localhost/";
  };

  # The name of an HTTP header, a token of RFC 9110.
  headerName = matching {
    name = "headerName";
    description = "the name of a header such as \"Content-Type\"";
    regex = "[A-Za-z0-9!#$%&'*+.^_`|~-]+";
    placeholder = "X-Example";
  };

  # A name that can be used in selectors such as 'web-* and @prod': a tag, a role or a host.
  label = matching {
    name = "label";
    description = "a word of letters, digits, \".\", \"_\" and \"-\"";
    regex = "[A-Za-z0-9][A-Za-z0-9._-]*";
    placeholder = "label";
  };

  # The name of a health check. The host allows no more than 64 characters.
  checkName = matching {
    name = "checkName";
    description = "a word of at most 64 letters, digits, \".\", \"_\" and \"-\"";
    regex = "[A-Za-z0-9][A-Za-z0-9._-]{0,63}";
    placeholder = "check";
  };

  # A label, or a dimension with a value, such as "rack:a". A rollout can be spread over the values of a
  # dimension.
  tag = matching {
    name = "tag";
    description = "a tag such as \"web\" or \"rack:a\"";
    regex = "[A-Za-z0-9][A-Za-z0-9._-]*(:[A-Za-z0-9][A-Za-z0-9._-]*)?";
    placeholder = "tag";
  };

  # A number of hosts, or a percentage of hosts, of at least `low`.
  amountFrom =
    low:
    scalar.scalar {
      name = "amount";
      description = "a number of hosts from ${toString low}, or a percentage such as \"10%\"";
      accepts =
        value:
        let
          part = builtins.match "(0|[1-9][0-9]?|100)%" value;
        in
        if builtins.isInt value then
          value >= low
        else
          builtins.isString value && part != null && lib.toInt (builtins.head part) >= low;
      placeholder = low;
    };

  # The canary of a rollout: the hosts that are changed first.
  canary = scalar.scalar {
    name = "canary";
    description = "a number of hosts, or a list of expressions such as \"@canary\"";
    accepts =
      value:
      builtins.isInt value && value >= 0
      || builtins.isList value && lib.all (each: builtins.isString each && each != "") value;
    placeholder = 0;
  };

  # A date. A day that its month never has, such as the 31st of June, is refused.
  date = matching {
    name = "date";
    description = "a date such as \"2027-01-31\"";
    regex = "[0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|[12][0-9]))";
    placeholder = "1970-01-01";
  };

  # The name of a new account, by the rule of Debian's adduser. useradd accepts these names too.
  accountName = matching {
    name = "accountName";
    description = "a name for a new account: at most 32 lowercase letters, digits, \"_\" and \"-\"";
    regex = "[a-z_][a-z0-9_-]{0,31}";
    placeholder = "nobody";
  };

  # The name of an account that may exist already, such as Debian-exim or first.last. Such a name need not
  # follow the rule for new accounts.
  existingAccountName = scalar.scalar {
    name = "existingAccountName";
    description = "the name of an account, not a number: at most 32 letters, digits, \"_\", \"-\" and \".\"";
    accepts =
      value:
      builtins.isString value
      && builtins.match "[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}" value != null
      && builtins.match "[0-9]+" value == null;
    placeholder = "nobody";
  };

  # The owner of a file: the name of any account of the host, such as Debian-exim, or its numeric id.
  owner = matching {
    name = "owner";
    description = "the name of an account, or its number in quotes";
    regex = "[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}";
    placeholder = "root";
  };

  # The user of an SSH login. The account may come from a directory service: the form user@domain is accepted,
  # but the form DOMAIN\user is refused.
  loginName = matching {
    name = "loginName";
    description = "a user name";
    regex = "[A-Za-z_][A-Za-z0-9_.@-]*";
    placeholder = "root";
  };

  system = matching {
    name = "system";
    description = "a Linux system of Nix such as \"x86_64-linux\"";
    regex = "[a-z0-9_]+-linux";
    placeholder = "x86_64-linux";
  };

  # A hardware address, as `ip link` shows it.
  macAddress = matching {
    name = "macAddress";
    description = "a hardware address such as \"52:54:00:12:34:56\"";
    regex = "([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}";
    placeholder = "00:00:00:00:00:00";
  };

  # A public key in the format of known_hosts and authorized_keys: the key type, the key in base64, and an
  # optional comment.
  publicKey = matching {
    name = "publicKey";
    description = "a public key such as \"ssh-ed25519 AAAA… comment\"";
    regex = "[a-z0-9@.-]+ [A-Za-z0-9+/=]+( [^\n]*)?";
    placeholder = "";
  };

  # The name of a unit, with the characters that systemd.unit(5) allows. Its suffix must be one of the unit
  # types for which administrators write units.
  unitName = matching {
    name = "unitName";
    description = "a unit name with its suffix (${
      lib.concatMapStringsSep ", " dotted (lib.init unitSuffix)
    } or ${dotted (lib.last unitSuffix)})";
    regex = "[A-Za-z0-9:_.\\-][A-Za-z0-9:_.@\\-]*\\.(${lib.concatStringsSep "|" unitSuffix})";
    placeholder = "none.service";
  };

  dropInName = matching {
    name = "dropInName";
    description = "a file name that ends in \".conf\"";
    regex = "[A-Za-z0-9:_.@-]+\\.conf";
    placeholder = "none.conf";
  };

  onConflict = scalar.oneOf shared.choices.onConflict;

  onConflictDescription = noun: ''
    What to do if the path of the ${noun} already exists and NixFleet does not own it. `fail`: the plan reports an
    error, and nothing changes, unless the existing ${noun} is identical to the declared ${noun}. `adopt`: NixFleet
    replaces it permanently and makes a backup. `backup`: NixFleet replaces it, and restores it when the ${noun} is
    no longer declared.
  '';

  # The target of a symbolic link. The kernel's limit is PATH_MAX, which includes the terminating zero byte.
  linkTarget = scalar.scalar {
    name = "linkTarget";
    description = "a path in quotes, absolute or relative to the directory of the link";
    accepts =
      value:
      builtins.isString value && value != "" && builtins.stringLength value < 4096 && isVisible value;
    placeholder = "/nonexistent";
  };

  # A file in the store, or a file that Nix copies into the store.
  fileSource = scalar.scalar {
    name = "fileSource";
    description = "a path to a file, or a string with a store path";
    accepts =
      value:
      builtins.isPath value
      || (builtins.isAttrs value && value ? outPath)
      || (builtins.isString value && lib.hasPrefix builtins.storeDir value);
    placeholder = null;
  };
}
