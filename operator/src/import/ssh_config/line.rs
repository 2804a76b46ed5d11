//! The lines of an SSH configuration.

use nixfleet_contract::problem::Problem;

use crate::import::files::bad;
use crate::import::note::Place;
use crate::import::ssh_keyword;

/// A line with a keyword and its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The keyword, in upper and lower case as in the file.
    pub keyword: String,
    /// The arguments without their quotes.
    pub arguments: Vec<String>,
}

impl Line {
    /// Parses a line. Returns `None` if the line is empty or a comment.
    ///
    /// # Errors
    /// The line has no valid keyword, no argument, or an open quotation mark.
    pub fn parse(line: &str, place: &Place) -> Result<Option<Self>, Problem> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return Ok(None);
        }
        let is_separator = |c: char| c.is_whitespace() || c == '=';
        let (keyword, rest) = line.split_at(line.find(is_separator).unwrap_or(line.len()));
        let rest = rest.trim_start();
        let rest = rest.strip_prefix('=').unwrap_or(rest).trim_start();
        let shown = crate::text::one_line(keyword);
        if !keyword.bytes().all(|byte| byte.is_ascii_alphanumeric()) || keyword.is_empty() {
            return Err(bad(place, format!("{shown} is not a keyword of an SSH configuration"))
                .help("name a file in the format of ssh_config(5)"));
        }
        let arguments = if ssh_keyword::COMMANDS.contains(&&*keyword.to_ascii_lowercase()) {
            vec![rest.to_owned()].into_iter().filter(|command| !command.is_empty()).collect()
        } else {
            shlex::split(rest).ok_or_else(|| {
                bad(place, format!("the arguments of {shown} cannot be split into words"))
                    .because("a quotation mark or a backslash has no counterpart")
                    .help("close the quotation mark")
            })?
        };
        if arguments.is_empty() {
            return Err(bad(place, format!("the keyword {shown} has no argument"))
                .help("add the argument, or remove the line"));
        }
        Ok(Some(Self { keyword: keyword.to_owned(), arguments }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> String {
        match Line::parse(line, &Place::line("config", 7)) {
            Ok(Some(Line { keyword, arguments })) => format!("{keyword}: {}", arguments.join("|")),
            Ok(None) => String::new(),
            Err(problem) => problem.to_string(),
        }
    }

    #[test]
    fn lines_have_a_keyword_and_arguments() {
        assert_eq!(of("  # comment"), "");
        assert_eq!(of("Host web-1  \"web 2\" # both"), "Host: web-1|web 2");
        assert_eq!(of("Port=2222"), "Port: 2222");
        assert_eq!(of("User = ada"), "User: ada");
        assert_eq!(of("ProxyCommand nc -X 5 'a b' %h #x"), "ProxyCommand: nc -X 5 'a b' %h #x");
    }

    #[test]
    fn wrong_lines_are_refused_with_their_number() {
        for (line, saying) in [
            ("Host", "no argument"),
            ("Host \"a", "no counterpart"),
            ("[web]", "not a keyword"),
            ("=x", "not a keyword"),
        ] {
            let said = of(line);
            assert!(said.contains("config:7") && said.contains(saying), "{line}: {said}");
        }
    }
}
