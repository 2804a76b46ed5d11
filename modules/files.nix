# `nixfleet.files.<path>`: a file at this path, with its exact content, mode, owner and group.
{ lib, types }:
let
  inherit (lib) mkOption;

  access = import ./access.nix {
    inherit lib types;
    mode = "0644";
  };

  # Whether a source is a directory. A missing path is reported later, when the source is used. If Nix has no
  # `readFileType`, only the builder makes this check.
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
        description = "The content. What several modules say is joined by line breaks.";
      };
      source = mkOption {
        type = types.nullOr types.fileSource;
        default = null;
        example = lib.literalExpression "./nginx.conf";
        description = "A file that holds the content: a path beside the module, or a file in the Nix store.";
      };
      restartUnits = mkOption {
        type = types.listOf types.unitName;
        default = [ ];
        example = [ "web.service" ];
        description = "Units to restart when the file changes, if they run. They may be the distribution's.";
      };
      reloadUnits = mkOption {
        type = types.listOf types.unitName;
        default = [ ];
        example = [ "nginx.service" ];
        description = "Units to reload when the file changes, if they run.";
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
          A command that must accept the new content before anything changes on the host, word by word and without a
          shell; `%s` stands for the new file. It sees the users and groups that come with the change; what will belong
          to one of them belongs to root alone at that moment. A word may be a path beside the module, such as `./check.sh`.
        '';
      };
      onChange = mkOption {
        type = types.nullOr (types.listOf types.argument);
        default = null;
        example = [ "/usr/sbin/newaliases" ];
        description = ''
          A command to run when the file has changed or has gone, such as one that makes something else of it. It is one command,
          word by word and without a shell; the first word is a path. It runs as root with an environment of its own, after all
          files have changed and before units restart, and once where several files name the same one. Where it does not end
          with exit code 0 within five minutes, the change is undone; then it runs again, with the files as they were before. A
          word may be a path beside the module, such as `./compile.sh`.
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
      Files on the host, by absolute path. They are regular files, replaced in one step, and go when they are no longer
      declared. Parent directories that do not exist are created.
    '';
  };
}
