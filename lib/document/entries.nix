# The entries of the Intent document that are declared by path: directories, files, links and absent paths.
{
  known,
  lib,
  types,
}:
let
  # Adds the name of an option to errors that appear only when the option's value is used, such as a missing
  # file or a package that does not evaluate.
  inherit (types.context) inOption;

  fourDigits = mode: if builtins.stringLength mode == 3 then "0${mode}" else mode;

  inAccess = [
    "group"
    "mode"
    "onConflict"
    "owner"
  ];
  directoryFields = known inAccess;
  fileFields = known (
    inAccess
    ++ [
      "reloadUnits"
      "restartUnits"
      "text"
    ]
  );

  # Most files have no command. So the callers check for null, which is faster than a call for each file.
  command = map types.storeText;

  directory =
    path: directory:
    directoryFields directory
    // {
      inherit path;
      mode = fourDigits directory.mode;
    };

  file =
    path: file:
    fileFields file
    // {
      inherit path;
      source =
        if file.source == null then
          null
        else
          inOption [
            "nixfleet"
            "files"
            path
            "source"
          ] (types.storeSource file.source);
      validate = if file.validate == null then null else command file.validate;
      onChange = if file.onChange == null then null else command file.onChange;
      mode = fourDigits file.mode;
    };

  link = path: link: {
    inherit path;
    inherit (link) onConflict;
    target = types.storeText link.target;
  };

  absent = path: absent: {
    inherit path;
    inherit (absent)
      recursive
      restartUnits
      reloadUnits
      onConflict
      ;
  };
in
{
  directories = lib.mapAttrsToList directory;
  files = lib.mapAttrsToList file;
  links = lib.mapAttrsToList link;
  absent = lib.mapAttrsToList absent;
}
