//! The size of the pages in which the kernel gives memory to programs.

use std::fs;

/// The setting of the kernel for pages of 64 KiB, since Linux 6.8.
const SETTING: &str = "/sys/kernel/mm/transparent_hugepage/hugepages-64kB/enabled";

/// Large pages for all programs of the machine. Dropping this value restores the earlier setting.
#[derive(Debug)]
pub struct LargePages {
    before: Option<String>,
}

impl LargePages {
    /// Lets the kernel give 64 KiB at once to a program that touches new memory, instead of 4 KiB. Compilers
    /// and Nix touch much new memory, and each page costs an interruption by the kernel, which is expensive
    /// in a virtual machine. Does nothing on a kernel without the setting.
    #[must_use]
    pub fn allow() -> Self {
        let setting = fs::read_to_string(SETTING).ok();
        let before =
            setting.as_deref().and_then(chosen).filter(|before| *before != "always").map(str::to_owned);
        let allowed = before.is_some() && fs::write(SETTING, "always").is_ok();
        Self { before: before.filter(|_| allowed) }
    }
}

impl Drop for LargePages {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            fs::write(SETTING, before).ok();
        }
    }
}

/// Returns the word in brackets, which the kernel uses to mark the chosen value.
fn chosen(setting: &str) -> Option<&str> {
    Some(setting.split_once('[')?.1.split_once(']')?.0)
}

#[cfg(test)]
mod tests {
    use super::chosen;

    #[test]
    fn the_chosen_value_is_in_brackets() {
        assert_eq!(chosen("always inherit madvise [never]\n"), Some("never"));
        assert_eq!(chosen(""), None);
    }
}
