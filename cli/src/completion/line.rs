//! The state of an incomplete command line before the word at the cursor.

use clap::{Arg, Command};

/// The state of an incomplete command line, derived from the words before the cursor.
pub struct CommandLine<'c> {
    /// The command or subcommand that the words name.
    pub command: &'c Command,
    /// The number of positional arguments of this command that are before the cursor.
    pub free: usize,
    /// The flag that expects a value next, if any.
    pub flag: Option<Flag<'c>>,
    /// Whether the cursor is after `--`. The words after `--` are a command for hosts, and are not completed.
    pub is_foreign: bool,
}

/// A flag before the cursor that expects more values.
pub struct Flag<'c> {
    pub arg: &'c Arg,
    /// Maximum number of values that are still expected.
    left: usize,
    /// Whether the flag may be given without a value.
    pub is_optional: bool,
}

impl<'c> CommandLine<'c> {
    /// Reads the words before the cursor. [`Command::build`] must have been called on `command`.
    pub fn read(command: &'c Command, words: &[String]) -> Self {
        let mut line = Self { command, free: 0, flag: None, is_foreign: false };
        for word in words {
            line.take(word);
        }
        line
    }

    fn take(&mut self, word: &str) {
        if let Some(mut flag) = self.flag.take()
            && !(flag.is_optional && word.starts_with('-'))
        {
            flag.left -= 1;
            self.flag = Some(flag).filter(|flag| flag.left > 0);
            return;
        }
        match word.strip_prefix("--") {
            _ if self.is_foreign => {}
            Some("") => self.is_foreign = true,
            Some(name) => self.flag = self.long(name).and_then(Flag::of),
            None if word.len() > 1 && word.starts_with('-') => {
                let last = word.chars().last();
                let arg = self.command.get_arguments().find(|arg| last.is_some() && arg.get_short() == last);
                self.flag = arg.and_then(Flag::of);
            }
            None => match self.command.find_subcommand(word).filter(|_| self.free == 0) {
                Some(subcommand) => self.command = subcommand,
                None => self.free += 1,
            },
        }
    }

    /// Returns the flag that has a given long name or alias.
    pub fn long(&self, name: &str) -> Option<&'c Arg> {
        let is_meant = |arg: &&Arg| {
            let aliases = arg.get_all_aliases().unwrap_or_default();
            arg.get_long() == Some(name) || aliases.contains(&name)
        };
        self.command.get_arguments().find(is_meant)
    }
}

impl<'c> Flag<'c> {
    /// Creates the state right after a flag, before the first value of the flag. Returns `None` if the flag
    /// takes no values.
    fn of(arg: &'c Arg) -> Option<Self> {
        if !arg.get_action().takes_values() {
            return None;
        }
        let (least, most) =
            arg.get_num_args().map_or((1, 1), |range| (range.min_values(), range.max_values()));
        Some(Self { arg, left: most, is_optional: least == 0 })
    }
}
