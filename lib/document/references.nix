# Finds store paths in texts that have no string context, such as the result of `toString ./file`. Without the
# context, Nix does not know that the host needs the path, so Nix would not copy the path to the host.
{ lib, types }:
let
  inherit (builtins)
    attrNames
    attrValues
    concatMap
    replaceStrings
    ;
  inherit (types) problem;
  inherit (types.context) inOption;

  # Whether a text contains `part`. Regular expressions are slow on long texts, so this faster check is made
  # before a text is matched.
  contains = part: text: replaceStrings [ part ] [ "" ] text != text;

  storePath = ".*(${builtins.storeDir}/[0-9a-z]{32}-[^[:space:]\"';]+).*";

  # The store path of the fleet's source tree, or null if the fleet is not evaluated as a flake.
  sourceOf =
    inputs:
    let
      found = builtins.match "(${builtins.storeDir}/[^/]+).*" (
        builtins.unsafeDiscardStringContext (toString (inputs.self or ""))
      );
    in
    if found == null then null else lib.head found;

  lost =
    option: name: within: path: example:
    let
      loc = option.loc ++ [ name ] ++ within;
    in
    problem.make {
      inherit loc;
      def = types.definitionOf option name;
      what = "${lib.showOption loc} names ${path}, which would not be copied to the host";
      why = "Nix does not recognize a file of the store in a plain string, or after toString";
      example = example loc;
    };
  inText = loc: "${lib.showOption loc}.text = \"… \${./app.sh} …\";";
  inUnit = _: "ExecStart = \"\${./app.sh} --verbose\";";
  inCommand = loc: "${lib.showOption loc} = [ ./app.sh ];";
in
{
  problems =
    {
      intent,
      options,
      inputs,
    }:
    let
      source = sourceOf inputs;

      # Whether a file's text contains the path of the fleet's own source without string context. Any other
      # store path may be in a file on purpose, but this path is there only by mistake.
      isLostIn = text: text != null && contains source text && !(builtins.getContext text ? ${source});
      # Whether the text of any file mentions the fleet's source. All texts are searched at once, which is
      # faster, because this check runs for each host.
      speaks =
        source != null
        && contains source (builtins.toJSON (builtins.catAttrs "text" (attrValues intent.files)));
      lostInFiles = lib.optionals speaks (
        lib.filter (path: isLostIn intent.files.${path}.text) (attrNames intent.files)
      );

      ofText =
        option: name: within: example: text:
        let
          context = builtins.getContext text;
          found = if !contains "${builtins.storeDir}/" text then null else builtins.match storePath text;
          isLost = context == { } || (source != null && isLostIn text);
        in
        lib.optional (found != null && isLost) (lost option name within (lib.head found) example);

      ofCommand =
        option: name: within: command:
        inOption (option.loc ++ [ name ] ++ within) (
          ofText option name within inCommand (lib.concatMapStringsSep " " types.storeText command)
        );

      # The files that have commands. Most files have no commands, so files without commands are removed once,
      # and not once for each of the two fields.
      withCommands = builtins.filter (
        path: intent.files.${path}.validate != null || intent.files.${path}.onChange != null
      ) (attrNames intent.files);
      ofCommands =
        field:
        concatMap (path: ofCommand files path [ field ] intent.files.${path}.${field}) (
          builtins.filter (path: intent.files.${path}.${field} != null) withCommands
        );

      inherit (options.nixfleet) files healthChecks;
      inherit (options.nixfleet.systemd) units;
      ofUnit =
        name: unit:
        lib.optionals (unit.text != null) (ofText units name [ ] inUnit unit.text)
        ++ concatMap (
          file:
          ofText units name [
            "dropIns"
            file
          ] inUnit unit.dropIns.${file}.text
        ) (builtins.filter (file: unit.dropIns.${file}.text != null) (attrNames unit.dropIns));
    in
    map (path: lost files path [ ] "the fleet's own source, ${source}" inText) lostInFiles
    ++ concatMap (name: ofUnit name intent.systemd.units.${name}) (attrNames intent.systemd.units)
    ++ concatMap ofCommands [
      "validate"
      "onChange"
    ]
    ++ concatMap (name: ofCommand healthChecks name [ "command" ] intent.healthChecks.${name}.command) (
      builtins.filter (name: intent.healthChecks.${name}.command != null) (attrNames intent.healthChecks)
    );
}
