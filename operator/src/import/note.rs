//! Notes on what an import left out or changed.

use std::fmt;

use serde::Serialize;

/// A line of an imported file, or an imported file as a whole.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Place {
    /// The path of the file, as the user named it.
    pub file: String,
    /// The line, counted from 1. `None` means the file as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
}

impl Place {
    /// Creates the place of a line in a file. Lines are counted from 1.
    #[must_use]
    pub fn line(file: &str, line: usize) -> Self {
        Self { file: file.to_owned(), line: Some(line) }
    }

    /// Creates the place of a whole file.
    #[must_use]
    pub fn file(file: &str) -> Self {
        Self { file: file.to_owned(), line: None }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}", self.file),
            None => f.write_str(&self.file),
        }
    }
}

/// The reason for a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoteKind {
    /// A name was changed, because `NixFleet` does not accept it.
    Renamed,
    /// A variable or option was not imported.
    Variable,
    /// A secret was not imported, and its value is not shown.
    Secret,
    /// A setting stays in the user's SSH configuration, and is not part of the new inventory.
    SshSetting,
    /// A setting was not imported, because `NixFleet` does not need it.
    Needless,
    /// A value was not understood, or needs a decision of the user.
    Check,
}

/// A note on a name, value or setting that an import left out or changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Note {
    /// The reason for the note.
    pub kind: NoteKind,
    /// The text: one line, without invisible characters.
    pub text: String,
    /// The place in the imported files to which the note refers, if it is known.
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

impl Note {
    /// Creates a note. Invisible characters of the text, such as line ends, are escaped.
    pub fn new(kind: NoteKind, text: impl AsRef<str>) -> Self {
        Self { kind, text: crate::text::one_line(text.as_ref()), place: None }
    }

    /// Adds the place in the imported files to which the note refers.
    #[must_use]
    pub fn at(self, place: &Place) -> Self {
        Self { place: Some(place.clone()), ..self }
    }
}
