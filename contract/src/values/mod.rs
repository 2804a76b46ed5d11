//! Types of values that are checked once, when they are parsed.
//!
//! Each value is a string in JSON, and most types dereference to `str`.

mod account;
mod glob;
mod hidden;
mod mode;
mod package_name;
mod package_pattern;
mod package_version;
mod path;
mod pattern;
mod reserved;
mod source;
mod unit_name;
mod url;
pub(crate) mod word;

pub use account::{AccountName, Owner};
pub use hidden::hidden;
pub use mode::Mode;
pub use package_name::PackageName;
pub use package_pattern::PackagePattern;
pub use package_version::{PackageVersion, VersionPattern};
pub use path::{AbsPath, ManagedPath};
pub use pattern::Pattern;
pub use reserved::Reserved;
pub use source::Source;
pub use unit_name::UnitName;
pub use url::Url;
pub use word::Word;

/// The reason why a string is not a valid value: one clause that contains the string.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(pub String);

/// Implements the conversions of a tuple struct around a checked `String`. The type itself only needs to
/// provide `fn check(&str) -> Result<(), Invalid>`.
macro_rules! checked_string {
    ($name:ident) => {
        impl TryFrom<String> for $name {
            type Error = crate::values::Invalid;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::check(&text).map(|()| Self(text))
            }
        }

        impl std::str::FromStr for $name {
            type Err = crate::values::Invalid;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::try_from(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0
            }
        }

        impl std::ops::Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

pub(crate) use checked_string;
