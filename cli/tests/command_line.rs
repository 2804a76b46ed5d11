//! Tests of the program that need neither Nix nor a host.

#![allow(clippy::disallowed_methods, reason = "tests run the program")]
#![allow(clippy::unwrap_used)]

use std::path::Path;

use assert_cmd::Command;
use assert_cmd::cargo::cargo_bin_cmd;
use serde_json::Value;

/// Creates a command that runs the program with the arguments in `line`, without a terminal and without a
/// flake in the environment.
fn nixfleet(directory: &Path, line: &str) -> Command {
    let mut command = cargo_bin_cmd!("nixfleet");
    command
        .current_dir(directory)
        .env_remove("NIXFLEET_FLAKE")
        .env_remove("NIXFLEET_FILE")
        .env("NIXFLEET_STATE", directory.join("state"))
        .args(line.split_whitespace());
    command
}

fn stderr(line: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let output = nixfleet(directory.path(), line).assert().code(1).stdout("").get_output().clone();
    String::from_utf8(output.stderr).unwrap().replace(&*directory.path().to_string_lossy(), "/here")
}

#[test]
fn a_directory_without_a_flake_is_refused() {
    expect_test::expect![[r#"
        error: [NF-102] neither this directory nor a directory above it has a flake.nix
          where: /here
          help: change to the directory of the fleet, or set --flake PATH or NIXFLEET_FLAKE=PATH
    "#]]
    .assert_eq(&stderr("plan"));
    expect_test::expect![[r#"
        error: [NF-102] the flake does not exist
          where: ./nowhere
          why: No such file or directory (os error 2)
        usual causes, and what to do: nixfleet explain NF-102
    "#]]
    .assert_eq(&stderr("hosts --flake ./nowhere"));
}

#[test]
fn a_file_without_a_flake_must_exist_and_be_named_alone() {
    expect_test::expect![[r#"
        error: [NF-102] the file of the fleet does not exist
          where: nowhere.nix
          why: No such file or directory (os error 2)
          help: name a Nix file that returns the result of mkFleet: --file ./default.nix
    "#]]
    .assert_eq(&stderr("plan --file nowhere.nix"));
    expect_test::expect![[r#"
        error: [NF-101] both a flake and a file are named
          why: --flake or NIXFLEET_FLAKE names a flake, and --file or NIXFLEET_FILE names a file
          help: use only one of them
    "#]]
    .assert_eq(&stderr("plan --file . --flake ."));
}

#[test]
fn without_a_terminal_hosts_change_only_with_yes() {
    expect_test::expect![[r#"
        error: [NF-101] the change must be approved, but the command cannot ask
          why: standard input is not a terminal
          help: add --yes to this command; or inspect the plan first: nixfleet plan
    "#]]
    .assert_eq(&stderr("apply"));
    assert!(
        stderr("rollback")
            .contains("help: add --yes to this command; or inspect the plan first: use --dry-run")
    );
    for preview in ["plan", "apply --dry-run", "rollback --dry-run", "rollback --dry-run --json"] {
        let directory = tempfile::tempdir().unwrap();
        let output = nixfleet(directory.path(), preview).assert().code(1).get_output().clone();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8(said).unwrap();
        assert!(said.contains("NF-102"), "only the flake is missing: {preview}: {said}");
    }
}

#[test]
fn a_mistyped_command_line_is_refused_with_the_right_one() {
    assert!(stderr("aply").contains("a similar subcommand exists: 'apply'"));
    assert!(stderr("rollback --to 0").contains("expected the number of a generation, from 1, or `previous`"));
    assert!(stderr("plan --base debian").contains("expected ubuntu, which is Debian's too, or nixos"));
    assert!(stderr("apply --limit web-1").contains("a bare word, or with --host NAME, --tag TAG"));
    assert!(
        stderr("run uptime")
            .contains("tip: write the command after `--`, such as: nixfleet run web-1 -- uptime")
    );
    assert!(stderr("run --host web-1").contains("<CMD>"));
    assert!(stderr("plan --parallel 0").contains("--parallel"));
    assert!(stderr("apply --plan f --host web-1").contains("cannot be used with"));
    assert!(stderr("apply --plan f web-1").contains("cannot be used with"));
    assert!(stderr("rollback web-1 --rollout 20261120-140322-kbzq").contains("cannot be used with"));
}

#[test]
fn explain_prints_causes_and_remedies_of_a_code() {
    let directory = tempfile::tempdir().unwrap();
    expect_test::expect![[r#"
        [NF-305] The host has no Nix.

        Usual causes, and what to do:
          - Nix is not installed.
            Install Nix with its daemon: `apt-get install nix-bin nix-setup-systemd`.
          - Nix is installed for one user only.
            Install Nix again with its daemon.

        Changed on the host:
          Nothing.

        More: docs/troubleshooting.md#nix-is-not-found-on-the-host
    "#]]
    .assert_eq(&stdout(directory.path(), "explain NF-305"));
    for word in ["nf-402", "402", "[NF-402]"] {
        let text = stdout(directory.path(), &format!("explain {word}"));
        assert!(text.starts_with("[NF-402] A declared path already exists"), "{word}: {text}");
    }
    let document: Value = serde_json::from_str(&stdout(directory.path(), "explain NF-402 --json")).unwrap();
    assert_eq!(document["schema"], 1);
    assert_eq!(document["command"], "explain");
    let [explained] = document["codes"].as_array().unwrap().as_slice() else { panic!("{document}") };
    assert_eq!(explained["code"], "NF-402");
    assert_eq!(explained["changed"], "Nothing.");
    let remedy = explained["causes"][0]["remedy"].as_str().unwrap();
    assert!(remedy.contains("onConflict"), "{remedy}");
}

#[test]
fn explain_lists_all_codes_and_explains_several() {
    let directory = tempfile::tempdir().unwrap();
    let list = stdout(directory.path(), "explain");
    assert!(list.contains("\nNF-402  A declared path already exists"), "{list}");
    let document: Value = serde_json::from_str(&stdout(directory.path(), "explain --json")).unwrap();
    assert_eq!(document["codes"].as_array().unwrap().len(), list.lines().count() - 1);
    let two = stdout(directory.path(), "explain NF-305 NF-402");
    assert!(two.contains("#nix-is-not-found-on-the-host\n\n[NF-402] "), "{two}");
}

#[test]
fn explain_refuses_an_unknown_code_and_suggests_similar_codes() {
    expect_test::expect![[r#"
        error: [NF-101] there is no such error code
          where: NF-999
          why: an error code is `NF-` and a number, such as NF-402
          help: list all codes: nixfleet explain
    "#]]
    .assert_eq(&stderr("explain NF-999"));
    let near = stderr("explain NF-305 nf-204");
    assert!(near.contains("where: nf-204\n"), "{near}");
    assert!(near.contains("did you mean NF-203 or NF-202 or NF-201? list all codes"), "{near}");
}

#[test]
fn a_bare_argument_selects_hosts() {
    // Each command accepts its arguments, and then fails because there is no flake.
    for line in ["plan web-1", "hosts all", "status web-1,web-2", "apply --yes @web", "run web-1 -- uptime"] {
        assert!(stderr(line).contains("NF-102"), "{line}");
    }
}

#[test]
fn json_is_one_document_even_where_the_command_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    for (line, command) in
        [("plan --json", "plan"), ("apply --json", "apply"), ("plan --json --nonsense", "")]
    {
        let output = nixfleet(directory.path(), line).assert().code(1).stderr("").get_output().clone();
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(document["schema"], 1, "{line}");
        assert_eq!(document["command"], command, "{line}");
        assert_eq!(document["hosts"], Value::Array(vec![]), "{line}");
        assert!(document["problem"]["code"].as_str().unwrap().starts_with("NF-10"), "{line}");
    }
}

#[test]
fn help_and_version_are_no_errors() {
    let directory = tempfile::tempdir().unwrap();
    for line in ["--help", "--version", "help apply", "apply --help", "-h"] {
        nixfleet(directory.path(), line).assert().code(0).stderr("");
    }
}

fn stdout(directory: &Path, line: &str) -> String {
    let output = nixfleet(directory, line).assert().code(0).stderr("").get_output().clone();
    String::from_utf8(output.stdout).unwrap().replace(&*directory.to_string_lossy(), "/here")
}

#[test]
fn every_attempt_is_recorded_without_secrets() {
    let directory = tempfile::tempdir().unwrap();
    expect_test::expect![[r#"
        The history in /here/state/ has no commands yet.
        Every plan, apply, rollback and run will be recorded there.
    "#]]
    .assert_eq(&stdout(directory.path(), "history"));
    assert!(!directory.path().join("state").exists(), "looking makes nothing");
    expect_test::expect![[r#"
        The history in /here/state/ has no command for a host called web-1.
        Show all commands: nixfleet history
    "#]]
    .assert_eq(&stdout(directory.path(), "history --host web-1"));
    nixfleet(directory.path(), "history show last").assert().code(1);

    nixfleet(directory.path(), "run --host web-1 -- mysql -phunter2").assert().code(1);
    nixfleet(directory.path(), "plan --option access-tokens github.com=hunter2").assert().code(1);
    nixfleet(directory.path(), "hosts").assert().code(1);
    let document: Value = serde_json::from_str(&stdout(directory.path(), "history --json")).unwrap();
    assert_eq!(document["command"], "history");
    let entries = document["entries"].as_array().unwrap();
    let said = |entry: &Value| (entry["command"].clone(), entry["arguments"].to_string());
    let said: Vec<_> = entries.iter().map(said).collect();
    assert_eq!(said.len(), 2);
    assert!(said.contains(&("run".into(), r#"["--host","web-1","--","mysql","…"]"#.into())), "{said:?}");
    assert!(said.contains(&("plan".into(), r#"["--option","access-tokens","…"]"#.into())), "{said:?}");
    assert!(entries.iter().all(|entry| entry["problem"]["code"] == "NF-102" && entry["exitCode"] == 1));
    for file in std::fs::read_dir(directory.path().join("state/history")).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&bytes).contains("hunter2"));
    }
}

#[test]
fn a_history_that_cannot_be_written_is_a_warning() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(directory.path().join("state/history")).unwrap();
    std::fs::write(directory.path().join("state/history/history.db"), "damaged").unwrap();
    let output = nixfleet(directory.path(), "plan").assert().code(1).get_output().clone();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        stderr.contains("NF-102") && stderr.contains("warning: this command is missing from the history")
    );
    nixfleet(directory.path(), "history").assert().code(1).stdout("");
}

#[test]
fn output_that_is_lost_is_no_success() {
    let lost = |program: &mut std::process::Command, stdout: std::process::Stdio| {
        let output = program.stdout(stdout).stderr(std::process::Stdio::piped()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_nixfleet"));
    program.args(["completions", "bash"]);
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let said = "error: standard output is not complete: No space left on device (os error 28)\n";
    assert_eq!(lost(&mut program, full.into()), (Some(2), said.to_owned()));
    // A reader such as `head` may close the pipe early, which is no error.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    assert_eq!(lost(&mut program, writer.into()), (Some(0), String::new()));
}

#[test]
fn a_program_named_after_a_subcommand_runs_it() {
    let directory = tempfile::tempdir().unwrap();
    let link = directory.path().join("nixfleet-hosts");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_nixfleet"), &link).unwrap();
    let output = Command::new(link).arg("--help").assert().code(0).get_output().clone();
    assert!(String::from_utf8(output.stdout).unwrap().contains("Usage: nixfleet hosts"));
}

#[test]
fn completions_and_manual_pages_are_generated() {
    let directory = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let output =
            nixfleet(directory.path(), &format!("completions {shell}")).assert().code(0).get_output().clone();
        assert!(String::from_utf8(output.stdout).unwrap().contains("__complete --"), "{shell}");
    }
    let elvish = stdout(directory.path(), "completions elvish");
    assert!(
        elvish.contains("rollback") && !elvish.contains("__complete") && !elvish.contains("Write the manual")
    );
    nixfleet(directory.path(), "man pages").assert().code(0);
    let page = std::fs::read_to_string(directory.path().join("pages/nixfleet-apply.1")).unwrap();
    assert!(page.contains("\\-\\-dry\\-run"));
    let pages = std::fs::read_dir(directory.path().join("pages")).unwrap();
    let pages: Vec<String> = pages.map(|page| page.unwrap().file_name().into_string().unwrap()).collect();
    for (page, is_there) in
        [("nixfleet.1", true), ("nixfleet-history-show.1", true), ("nixfleet-docs.1", false)]
    {
        assert_eq!(pages.iter().any(|each| each == page), is_there, "{page}: {pages:?}");
    }
}

/// Returns the completions that bash offers for a line.
fn offered(directory: &Path, line: &str) -> String {
    let script = format!(
        "source <({program} completions bash) && nixfleet() {{ {program} \"$@\"; }} && COMP_LINE={line} \
         COMP_POINT=${{#COMP_LINE}} COMP_WORDS=(nixfleet) && _nixfleet && echo \"${{COMPREPLY[*]}}\"",
        program = env!("CARGO_BIN_EXE_nixfleet"),
        line = shlex::try_quote(line).unwrap(),
    );
    let mut bash = std::process::Command::new("bash");
    bash.args(["-c", &script]).current_dir(directory).env_remove("NIXFLEET_FLAKE");
    let output = bash.env("NIXFLEET_STATE", directory.join("state")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn bash_completes_what_is_typed_and_evaluates_nothing() {
    let directory = tempfile::tempdir().unwrap();
    // This flake cannot be evaluated, so the test would fail if completion evaluated the flake.
    std::fs::write(directory.path().join("flake.nix"), "throw \"evaluated\"").unwrap();
    assert_eq!(offered(directory.path(), "nixfleet roll"), "rollback");
    assert_eq!(
        offered(directory.path(), "nixfleet apply --strategy=r"),
        "rolling",
        "bash has the flag already"
    );
    assert_eq!(offered(directory.path(), "nixfleet plan @u"), "ubuntu");
    assert_eq!(offered(directory.path(), "nixfleet plan a"), "all");
    assert_eq!(offered(directory.path(), "nixfleet doc"), "");
    assert!(!directory.path().join("state").exists(), "and leaves nothing behind");
}
