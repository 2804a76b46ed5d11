# `nixfleet.files.<path>`: a file at this path, with its exact content, mode, owner and group.
{ lib, types }:
let
  inherit (lib) mkOption;

  access = import ./access.nix {
    inherit lib types;
    mode = "0644";
  };

  # Whether a source is a directory. A path that does not exist is reported later, when the source is used. An
  # old Nix has no `readFileType`, and then only the builder checks whether the source is a directory.
  isDirectory =
    source:
    builtins.isPath source
    && builtins ? readFileType
    && builtins.pathExists source
    && builtins.readFileType source == "directory";

  checkContent =
    { loc, value, ... }@definition:
    let
      mistake = types.problem.at definition;
      here = lib.showOption loc;
    in
    if
      (value.text == null) != (value.source == null)
      && value.validate == null
      && value.onChange == null
      && !builtins.isPath value.source
    then
      [ ]
    else
      lib.optional (value.text == null && value.source == null) (
        types.problem.about [ "text" "source" ] (
          mistake "${here} has neither text nor source" "a file needs its content" "${here}.text = \"…\";"
        )
      )
      ++ lib.optional (value.text != null && value.source != null) (
        mistake "${here} has both text and source" "only one of them can be its content"
          "${here} = { source = ./file; };"
      )
      ++ lib.optional (isDirectory value.source) (
        mistake "${here}.source is the directory ${baseNameOf value.source}"
          "a file has one file as its content"
          "${
            lib.showOption (lib.init loc ++ [ "${lib.last loc}/a.conf" ])
          }.source = ./${baseNameOf value.source}/a.conf;"
      )
      ++
        lib.optional
          (
            value.validate != null
            && !lib.any (word: lib.isString word && lib.hasInfix "%s" word) value.validate
          )
          (
            types.problem.about [ "validate" ] (
              mistake "${here}.validate has no %s for the path of the file"
                "one of its words must contain %s, which stands for the new file"
                "${here}.validate = [ \"/usr/sbin/visudo\" \"-cf\" \"%s\" ];"
            )
          )
      ++ lib.optional (value.onChange != null && !types.namesProgram value.onChange) (
        types.problem.about [ "onChange" ] (
          mistake "${here}.onChange does not start with the absolute path of a program"
            "it runs without a shell and without a search path for programs"
            "${here}.onChange = [ \"/usr/sbin/newaliases\" ];"
        )
      );

  file = types.record {
    description = "a set that describes a file";
    check = checkContent;
    elsewhere = import ./access-elsewhere.nix // {
      content = "text";
      contents = "text";
      src = "source";
      file = "source";
      path = "source";
      restart = "restartUnits";
      notify = "restartUnits";
      restartTriggers = "restartUnits";
      handler = "onChange";
      handlers = "onChange";
      command = "onChange";
      run = "onChange";
      reload = "reloadUnits";
      check = "validate";
      force = "onConflict";
    };
    fields = access // {
      text = mkOption {
        type = types.nullOr types.text;
        default = null;
        example = "listen = 8080\n";
        description = "The content of the file. If several modules set it, their texts are joined with line breaks.";
      };
      source = mkOption {
        type = types.nullOr types.fileSource;
        default = null;
        example = lib.literalExpression "./nginx.conf";
        description = ''
          The file with the content: a path relative to the module, such as `./nginx.conf`, or a file in the Nix store.
        '';
      };
      restartUnits = mkOption {
        type = types.listOf types.unitName;
        default = [ ];
        example = [ "web.service" ];
        description = ''
          Units to restart when the file changes. Units that are neither running nor failed are left alone. Units of the
          distribution are allowed.
        '';
      };
      reloadUnits = mkOption {
        type = types.listOf types.unitName;
        default = [ ];
        example = [ "nginx.service" ];
        description = ''
          Units to reload when the file changes. Units that are neither running nor failed are left alone.
        '';
      };
      validate = mkOption {
        type = types.nullOr (types.listOf types.argument);
        default = null;
        example = [
          "/usr/sbin/visudo"
          "-cf"
          "%s"
        ];
        description = ''
          A command that must accept the new content before anything changes on the host. It is a list of words, which
          no shell interprets. `%s` stands for the path of the new file. The command sees the users and groups that the
          change creates. A file that will belong to such a user or group belongs to root alone while the command runs.
          A word may be a path relative to the module, such as `./check.sh`.
        '';
      };
      onChange = mkOption {
        type = types.nullOr (types.listOf types.argument);
        default = null;
        example = [ "/usr/sbin/newaliases" ];
        description = ''
          A command to run after the file has changed or has been removed, for example to compile the file. It is one
          command as a list of words, which no shell interprets. The first word is the path of the program. The command
          runs as root, with only `PATH` and `LC_ALL` in its environment, after all files have changed and before units
          restart. If several changed files name the same command, it runs once. If the command does not end with exit
          code 0 within five minutes, the change is rolled back, and the command runs again with the old files. A word
          may be a path relative to the module, such as `./compile.sh`.
        '';
      };
      onConflict = mkOption {
        type = types.onConflict;
        default = "fail";
        example = "backup";
        description = types.onConflictDescription "file";
      };
    };
  };
in
{
  _file = ./files.nix;

  options.nixfleet.files = mkOption {
    type = types.entries {
      description = "a set of files by path";
      key = types.managedPath;
      keyExample = "/etc/app.conf";
      correct = types.correctPath;
      element = file;
    };
    default = { };
    example = {
      "/etc/app.conf" = {
        text = "listen = 8080\n";
        mode = "0640";
        group = "app";
        restartUnits = [ "app.service" ];
      };
    };
    description = ''
      Files on the host, by absolute path. They are regular files and are replaced atomically. A file that is no
      longer declared is removed. Missing parent directories are created.
    '';
  };
}
