//! Package sources, in both formats of sources.list(5).

use std::collections::BTreeMap;

use serde::Serialize;

use super::stanza::stanzas;

/// The domains of the distributions.
const DISTRIBUTIONS: [&str; 2] = ["debian.org", "ubuntu.com"];

/// A package source to declare.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DraftSource {
    /// `deb`, `deb-src`, or both.
    pub types: Vec<String>,
    /// The addresses.
    pub uris: Vec<String>,
    /// The suites.
    pub suites: Vec<String>,
    /// The components of the suites.
    pub components: Vec<String>,
    /// The architectures; empty means those of the host.
    pub architectures: Vec<String>,
    /// The keyring on the host that signs the source.
    pub keyring: Option<String>,
}

impl DraftSource {
    /// Whether the source came with Debian or Ubuntu.
    pub(super) fn is_of_distribution(&self) -> bool {
        let host = |uri: &str| {
            let rest = uri.split_once("://").map_or("", |(_, rest)| rest);
            rest.split(['/', ':']).next().unwrap_or_default().to_owned()
        };
        let is_own = |uri: &String| {
            let host = host(uri);
            DISTRIBUTIONS.iter().any(|own| host == *own || host.ends_with(&format!(".{own}")))
        };
        !self.uris.is_empty() && self.uris.iter().all(is_own)
    }

    /// Returns the source, or why it cannot be declared. A source of the distribution needs no declaration,
    /// so it is only checked for a login.
    fn checked(self) -> Result<Self, String> {
        let authority = |uri: &String| {
            let rest = uri.split_once("://").map_or(&**uri, |(_, rest)| rest);
            rest.split('/').next().unwrap_or_default().to_owned()
        };
        if self.uris.iter().any(|uri| authority(uri).contains('@')) {
            return Err("an address contains a login, which is not copied; use `credentials`".to_owned());
        }
        if self.is_of_distribution() { Ok(self) } else { self.declarable() }
    }

    /// Returns the source, or why it cannot be declared.
    pub(super) fn declarable(self) -> Result<Self, String> {
        let is_word = |text: &str, more: &str| {
            !text.is_empty()
                && !text.starts_with('-')
                && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
        };
        if self.types.is_empty() || !self.types.iter().all(|each| ["deb", "deb-src"].contains(&&**each)) {
            return Err("a source has an unknown type".to_owned());
        }
        let is_plain = |c: char| c.is_ascii_graphic() && !"[]\"\\$".contains(c);
        for uri in &self.uris {
            let (scheme, rest) = uri.split_once("://").unwrap_or((uri, ""));
            let is_known =
                ["http", "https", "ftp", "file", "copy", "mirror+http", "mirror+https", "mirror+file"]
                    .contains(&scheme);
            if !is_known || rest.is_empty() || !uri.chars().all(is_plain) {
                return Err(format!("the address {uri} cannot be declared"));
            }
        }
        let is_flat = |suite: &String| suite.ends_with('/');
        let is_right = !self.uris.is_empty()
            && !self.suites.is_empty()
            && self
                .suites
                .iter()
                .all(|suite| suite == "/" || is_word(suite.trim_start_matches('.'), "._/-") || suite == "./")
            && self.components.iter().all(|component| is_word(component, "._/-"))
            && self.architectures.iter().all(|architecture| is_word(architecture, "-"))
            && self.suites.iter().all(is_flat) == self.components.is_empty();
        if !is_right {
            return Err("a source has suites or components that cannot be declared".to_owned());
        }
        match &self.keyring {
            Some(keyring) if keyring.starts_with('/') && is_word(&keyring[1..], "._/+-") => Ok(self),
            Some(_) => Err("a source is signed by a key that is not a file".to_owned()),
            None => Err("a source has no keyring of its own (Signed-By)".to_owned()),
        }
    }
}

/// Reads the sources of a file, each as a source to declare or as the reason why it cannot be declared.
pub(super) fn read(path: &str, text: &str) -> Vec<Result<DraftSource, String>> {
    if path.ends_with(".sources") {
        stanzas(text).iter().map(of_stanza).collect()
    } else {
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
        lines.filter(|line| !line.is_empty()).map(of_line).collect()
    }
}

fn of_stanza(stanza: &BTreeMap<String, String>) -> Result<DraftSource, String> {
    let known =
        ["types", "uris", "suites", "components", "architectures", "signed-by", "enabled", "x-repolib-name"];
    if let Some(field) = stanza.keys().find(|field| !known.contains(&&***field)) {
        return Err(format!("a source has the field {field}, which is not imported"));
    }
    if stanza.get("enabled").is_some_and(|value| ["no", "false", "0", "off"].contains(&&**value)) {
        return Err("a source is switched off".to_owned());
    }
    let words = |field: &str| {
        let value = stanza.get(field).map(String::as_str).unwrap_or_default();
        value.split_whitespace().map(str::to_owned).collect()
    };
    let source = DraftSource {
        types: words("types"),
        uris: words("uris"),
        suites: words("suites"),
        components: words("components"),
        architectures: words("architectures"),
        keyring: stanza.get("signed-by").cloned(),
    };
    source.checked()
}

fn of_line(line: &str) -> Result<DraftSource, String> {
    let (kind, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    let mut source = DraftSource { types: vec![kind.to_owned()], ..DraftSource::default() };
    let mut rest = rest.trim_start();
    if let Some(inner) = rest.strip_prefix('[') {
        let Some((options, after)) = inner.split_once(']') else {
            return Err("a source has options that do not end".to_owned());
        };
        for option in options.split_whitespace() {
            match option.split_once('=') {
                Some(("arch", value)) => source.architectures = value.split(',').map(str::to_owned).collect(),
                Some(("signed-by", value)) => source.keyring = Some(value.to_owned()),
                _ => {
                    let name = option.split('=').next().unwrap_or_default();
                    return Err(format!("a source has the option {name}, which is not imported"));
                }
            }
        }
        rest = after;
    }
    let mut words = rest.split_whitespace().map(str::to_owned);
    source.uris = words.next().into_iter().collect();
    source.suites = words.next().into_iter().collect();
    source.components = words.collect();
    source.checked()
}
