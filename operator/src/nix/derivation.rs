//! Reads store derivations: for which system a derivation is built, and which derivations it needs.

use std::path::Path;

use super::stored;

/// The parts of a store derivation that decide where it can be built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Derivation {
    /// The Nix system of the machine that can build it, such as `aarch64-linux`.
    pub system: String,
    /// The store paths of the derivations whose outputs it needs.
    pub inputs: Vec<String>,
}

impl Derivation {
    /// Reads a derivation in the store of this machine. Returns `None` if it cannot be read, or if it has a
    /// format that is unknown to NixFleet.
    pub fn read(path: &str) -> Option<Self> {
        let text = stored::read(Path::new(path)).ok()?;
        Self::parse(&String::from_utf8_lossy(&text))
    }

    /// Parses the format of Nix: `Derive(outputs,inputs,sources,"system",…)`.
    fn parse(text: &str) -> Option<Self> {
        let (_outputs, rest) = split_argument(text.strip_prefix("Derive(")?)?;
        let (inputs, rest) = split_argument(rest)?;
        let (_sources, rest) = split_argument(rest)?;
        let (system, _) = split_argument(rest)?;
        // Neither store paths nor names of outputs contain a quote.
        let quoted = inputs.split('"').skip(1).step_by(2);
        Some(Self {
            system: system.strip_prefix('"')?.strip_suffix('"')?.to_owned(),
            inputs: quoted.filter(|text| text.strip_suffix(".drv").is_some()).map(str::to_owned).collect(),
        })
    }
}

/// Splits the first of several arguments, which are separated by commas, off the others.
fn split_argument(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0_usize;
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (place, character) in text.char_indices() {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ if is_quoted => {}
            '[' | '(' => depth += 1,
            ']' | ')' => depth = depth.checked_sub(1)?,
            ',' if depth == 0 => return Some((&text[..place], &text[place + 1..])),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A derivation as Nix 2.26 and 2.34 write it, without the rest of its environment.
    const HOST: &str = r#"Derive([("out","/nix/store/p6bb-nixfleet-web-2","","")],[("/nix/store/l1hh-activate.drv",["out"]),("/nix/store/sgnw-busybox.drv",["dev","out"])],["/nix/store/a5j9-nixfleet-activate"],"x86_64-linux","/nix/store/a5j9-nixfleet-activate",["build"],[("__json","{\"text\":\"a, [b\\n\"}")])"#;

    #[test]
    fn the_system_and_the_inputs_are_read() {
        let read = Derivation::parse(HOST).unwrap();
        assert_eq!(read.system, "x86_64-linux");
        assert_eq!(read.inputs, ["/nix/store/l1hh-activate.drv", "/nix/store/sgnw-busybox.drv"]);
    }

    #[test]
    fn quoted_text_with_brackets_commas_and_quotes_is_one_argument() {
        assert_eq!(split_argument(r#""a\"],b",c"#), Some((r#""a\"],b""#, "c")));
        assert_eq!(split_argument("[(a,b),c],d"), Some(("[(a,b),c]", "d")));
    }

    #[test]
    fn another_format_is_unknown() {
        for other in ["", "Derive(", "Derive([],[],[],\"x\"", "Derive(]", "DrvWithVersion(\"xp-dyn-drv\",[])"]
        {
            assert_eq!(Derivation::parse(other), None, "{other}");
        }
    }
}
