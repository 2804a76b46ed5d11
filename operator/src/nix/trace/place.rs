//! Places in Nix code, and which of them are in files of the user.

use std::path::Path;

use crate::flake::Flake;
use crate::nix::stored;

/// A place that Nix names, with the lines it shows.
pub struct SourceLocation<'a> {
    file: &'a str,
    line: usize,
    column: &'a str,
    /// The lines around it, as Nix shows them.
    pub excerpt: Vec<&'a str>,
}

/// A place in a file of the user.
pub struct UserLocation {
    /// `file:line:column`, the file as seen from the flake.
    pub location: String,
    /// The line, with a mark below.
    pub excerpt: String,
}

impl<'a> SourceLocation<'a> {
    /// Reads `file:line:column:`.
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.strip_suffix(':')?.rsplitn(3, ':');
        let (column, line, file) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Self { file, line: line.parse().ok()?, column, excerpt: Vec::new() })
    }

    /// The line itself.
    fn text(&self) -> Option<&'a str> {
        self.excerpt.iter().find_map(|line| line.strip_prefix(&format!("{}|", self.line)))
    }

    /// The line and its mark, aligned again.
    fn shown_excerpt(&self) -> String {
        let width = self.line.to_string().len();
        let is_shown = |line: &&&str| line.starts_with('|') || line.starts_with(&format!("{}|", self.line));
        let aligned = |line: &&str| {
            let (number, code) = line.split_once('|').unwrap_or(("", line));
            format!("{number:>width$} |{code}")
        };
        self.excerpt.iter().filter(is_shown).map(aligned).collect::<Vec<_>>().join("\n")
    }
}

impl UserLocation {
    /// The place of something in a line of a file.
    pub fn new(shown: &str, line: usize, column: usize, text: &str) -> Self {
        let width = line.to_string().len();
        let excerpt = format!("{line} | {text}\n{:width$} | {:column$}^", "", "", column = column);
        Self { location: format!("{shown}:{line}:{}", column + 1), excerpt }
    }
}

/// The files of the user.
pub struct FlakeSource<'a> {
    /// The flake they belong to.
    pub flake: &'a Flake,
    /// The store path that they were copied to, where Nix says it.
    root: Option<&'a str>,
}

impl<'a> FlakeSource<'a> {
    /// The files of a flake.
    pub const fn new(flake: &'a Flake, root: Option<&'a str>) -> Self {
        Self { flake, root }
    }

    /// A file as Nix names it, relative to the root of the tree; nothing where it is surely not the user's.
    pub fn relative<'b>(&self, file: &'b str) -> Option<&'b str> {
        if let Some(named) = file.strip_prefix('«') {
            let (tree, relative) = named.split_once("»/")?;
            return self.is_the_flake(tree).then_some(relative);
        }
        if let Some(root) = self.root
            && file.starts_with("/nix/store/")
        {
            return file.strip_prefix(root)?.strip_prefix('/');
        }
        match &self.flake.tree {
            Some(tree) => in_store(file).or_else(|| Path::new(file).strip_prefix(&tree.root).ok()?.to_str()),
            None => None,
        }
    }

    /// Whether Nix names the tree of the flake so: by its reference, with what it has found out of it.
    fn is_the_flake(&self, named: &str) -> bool {
        let place = |reference: &str| -> String {
            let place = reference.split('?').next().unwrap_or_default().trim_end_matches('/').to_owned();
            let forge = ["github:", "gitlab:", "sourcehut:"].iter().any(|forge| place.starts_with(forge));
            // A branch becomes a commit.
            if forge { place.splitn(3, '/').take(2).collect::<Vec<_>>().join("/") } else { place }
        };
        let path = |named: &str| {
            let path = place(named);
            let path = path.strip_prefix("path:").or_else(|| path.strip_prefix("git+file:"))?;
            Some(path.strip_prefix("//").unwrap_or(path).to_owned())
        };
        match &self.flake.tree {
            Some(tree) => path(named).is_some_and(|path| Path::new(&path) == tree.root),
            None => place(named) == place(&self.flake.reference),
        }
    }

    /// A file of the tree as somebody in the flake would name it.
    pub fn shown(&self, relative: &str) -> String {
        self.flake.tree.as_ref().map_or_else(|| relative.to_owned(), |tree| tree.shown(relative))
    }

    /// The place as the user knows it, where it is in one of their files. Where Nix does not say whose a
    /// store path is, the line itself is compared.
    pub fn find(&self, place: &SourceLocation) -> Option<UserLocation> {
        let relative = self.relative(place.file)?;
        if self.root.is_none() && in_store(place.file).is_some() {
            let content = self.content(relative)?;
            let present = content.lines().nth(place.line - 1).unwrap_or_default();
            if present.trim() != place.text()?.trim() {
                return None;
            }
        }
        let location = format!("{}:{}:{}", self.shown(relative), place.line, place.column);
        Some(UserLocation { location, excerpt: place.shown_excerpt() })
    }

    /// What is in a file of the tree. Code of the flake can have Nix name any path, and links in the tree may
    /// lead anywhere.
    fn content(&self, relative: &str) -> Option<String> {
        let root = &self.flake.tree.as_ref()?.root;
        String::from_utf8(stored::read_below(root, &root.join(relative)).ok()?).ok()
    }

    /// The first line of a file that has this word.
    pub fn first(&self, file: &str, word: &str) -> Option<UserLocation> {
        let relative = self.relative(file)?;
        let content = self.content(relative)?;
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '\'');
        let column = |line: &str| {
            let (at, _) = line.match_indices(word).find(|(at, _)| {
                !line[..*at].ends_with(is_part) && !line[at + word.len()..].starts_with(is_part)
            })?;
            (!line.trim_start().starts_with('#')).then_some(at)
        };
        let mut lines = content.lines().enumerate();
        let (number, column, line) = lines.find_map(|(number, line)| Some((number, column(line)?, line)))?;
        Some(UserLocation::new(&self.shown(relative), number + 1, column, line))
    }

    /// A message of Nix, with files and the flake as the user knows them.
    pub fn in_words_of_the_user(&self, message: &str) -> String {
        let mut message = message.replace(&self.flake.reference, &self.flake.shown());
        if let Some(root) = self.root {
            // The root itself and its files: `/nix/store/…-source/roles/web.nix`.
            let mut told = String::new();
            let mut rest = message.as_str();
            while let Some((before, after)) = rest.split_once(&format!("{root}/")) {
                let end =
                    after.find(|c: char| c.is_whitespace() || "'\"`,;:)»".contains(c)).unwrap_or(after.len());
                told.push_str(before);
                told.push_str(&self.shown(&after[..end]));
                rest = &after[end..];
            }
            told.push_str(rest);
            message = told;
        }
        message
    }
}

/// The rest of a path behind the store path of a source tree.
fn in_store(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("/nix/store/")?;
    let (name, relative) = rest.split_once('/')?;
    name.ends_with("-source").then_some(relative)
}
