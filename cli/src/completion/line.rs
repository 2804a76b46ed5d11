//! A command line that is being typed, as far as its words have been read.

use clap::{Arg, Command};

/// What the words so far come to.
pub struct CommandLine<'c> {
    /// The command that they name.
    pub command: &'c Command,
    /// How many of its words are neither flags nor their values.
    pub free: usize,
    /// The flag whose value comes next.
    pub flag: Option<Flag<'c>>,
    /// What follows is a command for hosts, no matter of ours.
    pub is_foreign: bool,
}

/// A flag that still takes values.
pub struct Flag<'c> {
    pub arg: &'c Arg,
    /// How many at most.
    left: usize,
    /// It may do without.
    pub is_optional: bool,
}

impl<'c> CommandLine<'c> {
    /// Reads the words before the cursor. `command` is built.
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

    /// The flag of this name.
    pub fn long(&self, name: &str) -> Option<&'c Arg> {
        let is_meant = |arg: &&Arg| {
            let aliases = arg.get_all_aliases().unwrap_or_default();
            arg.get_long() == Some(name) || aliases.contains(&name)
        };
        self.command.get_arguments().find(is_meant)
    }
}

impl<'c> Flag<'c> {
    /// Nothing for one that takes no value.
    fn of(arg: &'c Arg) -> Option<Self> {
        if !arg.get_action().takes_values() {
            return None;
        }
        let (least, most) =
            arg.get_num_args().map_or((1, 1), |range| (range.min_values(), range.max_values()));
        Some(Self { arg, left: most, is_optional: least == 0 })
    }
}
