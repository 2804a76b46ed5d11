//! The index of the documentation, `docs/README.md`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::checkout;

/// The directory of the documentation, with a slash at the end.
const DOCS: &str = "docs/";
/// The name of the index in this directory.
const INDEX: &str = "README.md";

/// Returns the pages to which the index links, relative to `docs/`.
///
/// # Errors
/// The index cannot be read.
pub fn linked() -> Result<BTreeSet<String>> {
    let path = checkout::path(&format!("{DOCS}{INDEX}"));
    let text = fs::read_to_string(&path).with_context(|| format!("Failed to read {}", path.display()))?;
    let is_page = |link: &&str| Path::new(link).extension().is_some_and(|extension| extension == "md");
    Ok(links(&text).filter(is_page).map(str::to_owned).collect())
}

/// Returns the pages below `docs/` except the index, relative to `docs/`.
///
/// # Errors
/// The files of the repository cannot be listed.
pub fn pages() -> Result<BTreeSet<String>> {
    let pages = checkout::pages()?.into_iter();
    let below = pages.filter_map(|page| page.strip_prefix(DOCS).map(str::to_owned));
    Ok(below.filter(|page| page != INDEX).collect())
}

/// Returns the targets of the links in a page, without headings.
fn links(page: &str) -> impl Iterator<Item = &str> {
    let targets = page.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets.filter_map(|target| target.split('#').next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_of_the_documentation_names_every_page_and_no_other() {
        let (linked, pages) = (linked().unwrap(), pages().unwrap());
        assert!(pages.len() > 30, "{pages:?}");
        assert_eq!(linked.difference(&pages).collect::<Vec<_>>(), [""; 0], "docs/README.md names no page");
        assert_eq!(pages.difference(&linked).collect::<Vec<_>>(), [""; 0], "docs/README.md lacks pages");
    }

    #[test]
    fn a_link_is_read_without_its_heading() {
        let page = "- [A](a.md): x.\n- [B](how-to/b.md#c), and [C](d.json)\n";
        assert_eq!(links(page).collect::<Vec<_>>(), ["a.md", "how-to/b.md", "d.json"]);
    }
}
