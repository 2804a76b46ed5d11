//! Places in Nix code, and the files of the user that contain them.

use std::path::Path;

use crate::flake::Flake;
use crate::nix::stored;

/// A place in Nix code that the trace of an error names, with the code lines that Nix shows for this place.
pub struct SourceLocation<'a> {
    file: &'a str,
    line: usize,
    column: &'a str,
    /// The code lines around the place, as Nix shows them.
    pub excerpt: Vec<&'a str>,
}

/// A place in a file of the user.
pub struct UserLocation {
    /// The place as `file:line:column`, with the file named relative to the flake's directory.
    pub location: String,
    /// The code line, with a mark below it.
    pub excerpt: String,
}

impl<'a> SourceLocation<'a> {
    /// Parses a place of the form `file:line:column:`.
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.strip_suffix(':')?.rsplitn(3, ':');
        let (column, line, file) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Self { file, line: line.parse().ok()?, column, excerpt: Vec::new() })
    }

    /// Returns the code line at the place.
    fn text(&self) -> Option<&'a str> {
        self.excerpt.iter().find_map(|line| line.strip_prefix(&format!("{}|", self.line)))
    }

    /// Returns the code line and the mark below it, with the `|` of these lines aligned.
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
    /// Creates the location of a column in a line of a file.
    pub fn new(shown: &str, line: usize, column: usize, text: &str) -> Self {
        let width = line.to_string().len();
        let excerpt = format!("{line} | {text}\n{:width$} | {:column$}^", "", "", column = column);
        Self { location: format!("{shown}:{line}:{}", column + 1), excerpt }
    }
}

/// The files of the user's flake.
pub struct FlakeSource<'a> {
    /// The flake that contains the files.
    pub flake: &'a Flake,
    /// The store path that Nix copied the files to, if the error names it.
    root: Option<&'a str>,
}

impl<'a> FlakeSource<'a> {
    /// Creates the view of a flake's files. `root` is the store path that Nix copied the files to.
    pub const fn new(flake: &'a Flake, root: Option<&'a str>) -> Self {
        Self { flake, root }
    }

    /// Converts a file name in a message of Nix into a path relative to the root of the tree. Returns `None`
    /// if the file certainly does not belong to the user.
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

    /// Whether a name in a message of Nix means the tree of the flake. The name is the flake reference, to
    /// which Nix has added details such as the commit.
    fn is_the_flake(&self, named: &str) -> bool {
        let place = |reference: &str| -> String {
            let place = reference.split('?').next().unwrap_or_default().trim_end_matches('/').to_owned();
            let forge = ["github:", "gitlab:", "sourcehut:"].iter().any(|forge| place.starts_with(forge));
            // Nix replaces a branch by a commit, so the branch is not compared.
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

    /// Returns the path of a file of the tree relative to the flake's directory.
    pub fn shown(&self, relative: &str) -> String {
        self.flake.tree.as_ref().map_or_else(|| relative.to_owned(), |tree| tree.shown(relative))
    }

    /// Converts a place in Nix code to a place in a file of the user. Returns `None` if the code is not in a
    /// file of the user. If Nix does not name the store path of the fleet, the place counts only if its code
    /// line equals the line in the user's file.
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

    /// Reads a file of the tree. The path is not trusted, because code of the flake can make Nix name any
    /// path, and links in the tree may lead anywhere.
    fn content(&self, relative: &str) -> Option<String> {
        let root = &self.flake.tree.as_ref()?.root;
        String::from_utf8(stored::read_below(root, &root.join(relative)).ok()?).ok()
    }

    /// Returns the first line of a file that contains this word outside of comments.
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

    /// Returns a message of Nix with the files and the flake named as the user knows them.
    pub fn in_words_of_the_user(&self, message: &str) -> String {
        let mut message = message.replace(&self.flake.reference, &self.flake.shown());
        if let Some(root) = self.root {
            // Replaces each path of a file below the root, such as `/nix/store/…-source/roles/web.nix`.
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

/// Returns the part of a path after the store path of a source tree.
fn in_store(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("/nix/store/")?;
    let (name, relative) = rest.split_once('/')?;
    name.ends_with("-source").then_some(relative)
}
