//! The versions of packages that package sources offer, read with `apt-cache show`.

use std::collections::BTreeMap;

use nixfleet_contract::problem::{Code, Problem};

use super::answer;
use super::relations::Relations;

/// What a package source says about a version of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferedFile {
    /// Size of the file to download, in bytes.
    pub size: u64,
    /// Size of the installed package, in bytes.
    pub installed_size: u64,
    /// SHA-256 of the file to download, in hexadecimal.
    pub sha256: String,
    /// Whether the package is essential or protected.
    pub is_vital: bool,
    /// The packages that the package needs and provides.
    pub relations: Relations,
}

/// Files by the name and the version of their package.
pub type OfferedFiles = BTreeMap<(String, String), OfferedFile>;

/// Returns what package sources say about versions of packages, each `NAME:ARCHITECTURE=VERSION`. `options`:
/// options of apt, each as `NAME=VALUE`. A version that no source offers is not in the result.
///
/// # Errors
/// Fails with [`Code::Packages`] if apt does not know one of the packages.
pub fn offered(versions: &[String], options: &[String]) -> Result<OfferedFiles, Problem> {
    if versions.is_empty() {
        return Ok(OfferedFiles::new());
    }
    let mut argv = vec!["apt-cache", "--quiet=2", "--no-all-versions"];
    argv.extend(options.iter().flat_map(|option| ["-o", option.as_str()]));
    argv.extend(["show", "--"]);
    argv.extend(versions.iter().map(String::as_str));
    parse(&answer(&argv)?)
}

/// Parses stanzas in the format of deb822. Lines of a field that begin with a space are not needed.
fn parse(stanzas: &str) -> Result<OfferedFiles, Problem> {
    let mut files = OfferedFiles::new();
    for stanza in stanzas.split("\n\n").filter(|stanza| !stanza.trim().is_empty()) {
        let fields: BTreeMap<&str, &str> = stanza
            .lines()
            .filter(|line| !line.starts_with([' ', '\t']))
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name, value.trim()))
            .collect();
        let (key, file) = file(&fields).ok_or_else(|| {
            Problem::new(Code::Packages, "the answer of apt-cache cannot be read")
                .because(format!("it lacks a field of {}", fields.get("Package").unwrap_or(&"a package")))
        })?;
        // The same version may be offered by several sources. apt prefers the first.
        files.entry(key).or_insert(file);
    }
    Ok(files)
}

fn file(fields: &BTreeMap<&str, &str>) -> Option<((String, String), OfferedFile)> {
    let is_yes = |name: &str| fields.get(name) == Some(&"yes");
    let needs = ["Pre-Depends", "Depends", "Recommends"].map(|name| *fields.get(name).unwrap_or(&""));
    // `Installed-Size` is in KiB, and may be missing.
    let installed: u64 = fields.get("Installed-Size").map_or(Some(0), |size| size.parse().ok())?;
    let file = OfferedFile {
        size: fields.get("Size")?.parse().ok()?,
        installed_size: installed.saturating_mul(1024),
        sha256: (*fields.get("SHA256")?).to_owned(),
        is_vital: is_yes("Essential") || is_yes("Protected"),
        relations: Relations::parse(&needs.join(","), fields.get("Provides").unwrap_or(&"")),
    };
    Some((((*fields.get("Package")?).to_owned(), (*fields.get("Version")?).to_owned()), file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_digests_are_read_from_stanzas() {
        let stanzas = "Package: nginx\nVersion: 1.22.1-9\nDepends: libc6 (>= 2)\nInstalled-Size: 1336\n\
                       Description: server\n Size: no\n\
                       Size: 532468\nSHA256: aa\n\nPackage: bash\nEssential: yes\nVersion: 5.2\nSize: 1\n\
                       SHA256: bb\n\n";
        let files = parse(stanzas).unwrap();
        let key = |name: &str, version: &str| (name.to_owned(), version.to_owned());
        assert_eq!(
            files[&key("nginx", "1.22.1-9")],
            OfferedFile {
                size: 532_468,
                installed_size: 1336 * 1024,
                sha256: "aa".to_owned(),
                is_vital: false,
                relations: Relations::parse("libc6", ""),
            }
        );
        assert!(files[&key("bash", "5.2")].is_vital);
    }

    #[test]
    fn a_version_without_a_digest_is_refused() {
        let problem = parse("Package: local\nVersion: 1\nSize: 1\n\n").unwrap_err();
        assert_eq!(problem.why.as_deref(), Some("it lacks a field of local"));
    }
}
