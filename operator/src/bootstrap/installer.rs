//! An installer of Nix that the operator supplies.

use std::path::Path;
use std::sync::Arc;

use nixfleet_contract::problem::{Code, Problem};
use sha2::{Digest, Sha256};

/// The size of the largest installer, in bytes. The installers of Nix have less than 50 MiB.
const MOST: usize = 256 << 20;

/// An installer of Nix, which runs on hosts that have no Nix.
#[derive(Clone, Debug)]
pub struct Installer {
    /// The content of the program.
    pub program: Arc<[u8]>,
    /// The SHA-256 digest of the program, in hexadecimal.
    pub digest: String,
    /// The arguments of the program.
    pub arguments: Vec<String>,
}

impl Installer {
    /// Reads an installer, and compares it with the digest that the user expects.
    ///
    /// # Errors
    /// The file cannot be read or has another digest, or an argument contains a line break.
    pub fn read(path: &Path, expected: &str, arguments: Vec<String>) -> Result<Self, Problem> {
        let wrong = |what: &str| Problem::new(Code::Usage, what).at(path.display());
        if arguments.iter().any(|argument| argument.contains(['\n', '\0'])) {
            return Err(wrong("an argument of the installer contains a line break")
                .help("pass each argument with --installer-argument of its own"));
        }
        let program =
            std::fs::read(path).map_err(|error| wrong("the installer cannot be read").because(error))?;
        if program.is_empty() || program.len() > MOST {
            return Err(wrong("the file is no installer").because(format!("it has {} bytes", program.len())));
        }
        let digits: Vec<String> = Sha256::digest(&program).iter().map(|byte| format!("{byte:02x}")).collect();
        let digest = digits.concat();
        if !expected.eq_ignore_ascii_case(&digest) {
            return Err(wrong("the installer has another digest than expected")
                .because(format!("its SHA-256 digest is {digest}, and not {expected}"))
                .help("compare the digest with the digest that the publisher of the installer states"));
        }
        Ok(Self { program: program.into(), digest, arguments })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_installer_with_another_digest_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("installer");
        std::fs::write(&path, "#!/bin/sh\n").unwrap();
        let digest = "a8076d3d28d21e02012b20eaf7dbf75409a6277134439025f282e368e3305abf";
        assert_eq!(Installer::read(&path, &digest.to_uppercase(), Vec::new()).unwrap().digest, digest);
        let problem = Installer::read(&path, &digest.replace('a', "b"), Vec::new()).unwrap_err();
        assert!(problem.why.unwrap().contains(digest));
        assert!(Installer::read(&path, digest, vec!["a\nb".into()]).is_err());
        assert!(Installer::read(&directory.path().join("none"), digest, Vec::new()).is_err());
    }
}
