//! Encodes a script as a single line that every login shell passes to `sh` unchanged.
//!
//! `sshd` passes the line to the login shell of the user, and shells quote differently. csh accepts no line
//! break in quotes and replaces `!` in all quotes. fish replaces `\` in single quotes. The line therefore
//! contains none of these characters in quotes, but letters that represent them.

use nixfleet_contract::problem::{Code, Problem};

/// The shell code that decodes an encoded script and runs it. The code starts no other program, not even
/// another shell, because hosts are queried so often that the cost would be noticeable. `$1` to `$3` are the
/// characters that not all shells accept in quotes, and `$4` is the encoded script.
const LOADER: &str = r#"_n=${IFS#??} _i=$IFS IFS=% _s=; set -f; for _w in $4; do case $_w in n*) _c=$_n;; q*) _c=$1;; e*) _c=$2;; b*) _c=$3;; p*) _c=%;; *) _c=;; esac; _s=$_s$_c${_w#?}; done; IFS=$_i; set +f; eval "$_s""#;
/// The characters `'`, `!` and `\`, escaped so that all shells read them outside of quotes.
const CHARACTERS: &str = r"\' \! \\";
/// The first line of the standard input of a script, if the script reads any input.
pub const FIRST_LINE: &[u8] = b"@nixfleet\n";
/// The shell code that reads [`FIRST_LINE`]. If that line is missing, a start-up file of the login shell has
/// read it, and perhaps more of the input. This code must be a single line of a script.
const TAKE_INPUT: &str = r#"read -r _w && [ "$_w" = @nixfleet ] || { echo "nixfleet: the standard input was read before" >&2; exit 74; }"#;
/// The message of a script whose input was read before the script started.
pub const INPUT_READ: &str = "nixfleet: the standard input was read before";

/// Encodes a script and its arguments as a line for the login shell. With `input`, standard input must begin
/// with [`FIRST_LINE`].
///
/// # Errors
/// An argument contains a NUL byte.
pub fn call(script: &str, arguments: &[&str], input: bool) -> Result<String, Problem> {
    let arguments = shlex::try_join(arguments.iter().copied()).map_err(|error| {
        Problem::new(Code::Usage, "the command cannot be sent to the host").because(error)
    })?;
    let mut text = format!("set -- {arguments}\n");
    if input {
        text.push_str(TAKE_INPUT);
        text.push('\n');
    }
    // Comments help only readers of the source, so they are not sent.
    for line in script.lines().filter(|line| !line.trim_start().starts_with('#')) {
        text.push_str(line);
        text.push('\n');
    }
    Ok(format!("sh -c '{LOADER}' nixfleet {CHARACTERS} '{}'", written(&text)))
}

/// Encodes a text for the loader as a sequence of pieces. Each piece consists of `%`, a letter for the
/// special character at its beginning (`s` for none), and plain text.
fn written(text: &str) -> String {
    let mut written = String::from("%s");
    for character in text.chars() {
        match character {
            '\n' => written.push_str("%n"),
            '\'' => written.push_str("%q"),
            '!' => written.push_str("%e"),
            '\\' => written.push_str("%b"),
            '%' => written.push_str("%p"),
            other => written.push(other),
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use super::*;

    /// Runs a line in a shell, as `sshd` does, and returns its output and exit code.
    fn run(shell: &str, line: &str, input: &[u8]) -> (String, Option<i32>) {
        let mut command = Command::new(shell);
        command.args(["-c", line]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // Writing fails if a script that reads no input has already ended.
        let _ = child.stdin.take().unwrap().write_all(input);
        let output = child.wait_with_output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (String::from_utf8(said).unwrap(), output.status.code())
    }

    #[test]
    fn a_script_and_its_arguments_arrive_as_they_are() {
        let arguments =
            ["a\nb", "it's", "!x", r"\\", r"\", "", "%p%", "*", "a b ~ $HOME `id`", "\"", "^a^b", "é", "\t"];
        let script = "# not sent\nset -u\nprintf '<%s>' \"$@\"\nprintf '%s\\n' \"$#\" 'a\nb!'\ncat\nexit 3\n";
        let line = call(script, &arguments, false).unwrap();
        let expected = format!("<{}>", arguments.join("><"));
        for shell in ["sh", "bash"] {
            let expected = format!("{expected}13\na\nb!\ninput");
            assert_eq!(run(shell, &line, b"input"), (expected, Some(3)), "{shell}");
        }
    }

    #[test]
    fn the_line_has_nothing_in_quotes_that_shells_differ_about() {
        let line = call("echo 'a!'\n", &["it's\\", "b\n"], true).unwrap();
        let quoted = line.replace(CHARACTERS, "").replace(" '", "").replace("' ", "");
        assert!(!quoted.trim_end_matches('\'').contains(['\n', '!', '\\', '\'']), "{line}");
    }

    #[test]
    fn input_that_was_read_before_is_not_used() {
        let line = call("cat", &[], true).unwrap();
        assert_eq!(run("sh", &line, b"@nixfleet\n{}\n"), ("{}\n".to_owned(), Some(0)));
        for rest in ["{}\n", "fleet\n{}\n", ""] {
            assert_eq!(run("sh", &line, rest.as_bytes()), (format!("{INPUT_READ}\n"), Some(74)), "{rest}");
        }
        assert!(TAKE_INPUT.contains(INPUT_READ));
    }

    #[test]
    fn a_nul_byte_is_refused() {
        assert_eq!(call(":", &["a\0b"], false).unwrap_err().code, Code::Usage);
    }
}
