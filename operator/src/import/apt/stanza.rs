//! Files in the format of deb822: stanzas of fields.

use std::collections::BTreeMap;

/// Reads the stanzas of a text. The names of fields are in lower case. Comments are left out.
pub(super) fn stanzas(text: &str) -> Vec<BTreeMap<String, String>> {
    let mut stanzas = vec![BTreeMap::new()];
    let mut field = String::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let Some(stanza) = stanzas.last_mut() else { continue };
        if line.trim().is_empty() {
            if !stanza.is_empty() {
                stanzas.push(BTreeMap::new());
            }
        } else if line.starts_with([' ', '\t']) {
            let value: &mut String = stanza.entry(field.clone()).or_default();
            value.push('\n');
            value.push_str(line.trim());
        } else {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            field = name.trim().to_ascii_lowercase();
            stanza.insert(field.clone(), value.trim().to_owned());
        }
    }
    stanzas.retain(|stanza| !stanza.is_empty());
    stanzas
}
