//! The file contents that a plan shows: texts that are not too long, and that other users on the host can
//! read.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;

use nixfleet_contract::manifest::Entry;
use nixfleet_contract::plan::Plan;
use nixfleet_contract::step::FileView;
use nixfleet_contract::step::{PathStep, Step};
use nixfleet_contract::values::ManagedPath;
use rustix::fs::{Mode, OFlags};

use crate::engine::plan::target::Target;
use crate::host::Host;
use crate::host::walk::Walk;

/// The maximum size of all file contents in a plan together, in bytes. The size is limited because a plan is
/// sent over the network.
const BUDGET: u64 = 16 * 1024 * 1024;

/// Adds the old and new contents of files to a plan, so that people can compare them. If other users cannot
/// read the old or the new file, both contents are left out. If `show_private` is set, the contents are added
/// even then.
pub fn add(plan: &mut Plan, host: &Host, target: &Target, show_private: bool) {
    let mut reader = TextReader { host, target, walk: Walk::new(host), budget: BUDGET, show_private };
    for step in &mut plan.steps {
        reader.step(step);
    }
}

struct TextReader<'a> {
    host: &'a Host,
    target: &'a Target,
    walk: Walk<'a>,
    budget: u64,
    show_private: bool,
}

impl TextReader<'_> {
    fn step(&mut self, step: &mut Step) {
        let Some(path) = step.path().cloned() else { return };
        let is_compared = !matches!(step, Step::Path(PathStep::WriteLink(_) | PathStep::CreateDirectory(_)));
        let (before, after) = step.views_mut();
        let (mut before, mut after) = (before, after);
        for view in before.iter_mut().chain(&mut after) {
            view.private = view.is_private() || self.is_below_closed(&path);
        }
        if let Some(after) = &mut after {
            after.private |= self.target.manifest.is_private(&path, &after.access);
        }
        let is_private = before.iter().chain(&after).any(|view| view.private);
        if is_private && !self.show_private || !is_compared {
            return;
        }
        if let Some(before) = before.filter(|view| view.sha256.is_some()) {
            before.text = self.standing(&path, before.size);
        }
        if let Some(after) = after {
            after.text = self.coming(&path, after.size);
        }
    }

    /// Whether other users currently cannot enter a directory above a path.
    fn is_below_closed(&self, path: &ManagedPath) -> bool {
        let is_closed = |above: ManagedPath| {
            self.host.path(&above).metadata().is_ok_and(|found| found.is_dir() && found.mode() & 0o001 == 0)
        };
        path.ancestors().any(is_closed)
    }

    fn is_short(&self, size: u64) -> bool {
        size <= FileView::TEXT_LIMIT.min(self.budget)
    }

    /// Returns the current content of a path.
    fn standing(&mut self, path: &ManagedPath, size: u64) -> Option<String> {
        let directory = self.is_short(size).then(|| self.walk.parent(path))?.ok()??;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::openat(directory.fd, path.name(), flags, Mode::empty()).ok()?;
        self.text(File::from(file), size)
    }

    /// Returns the content that a path will have after the change, if this content is on this machine.
    fn coming(&mut self, path: &ManagedPath, size: u64) -> Option<String> {
        let Some(Entry::File(file)) = self.target.manifest.entries.get(path) else { return None };
        let content = self.is_short(size).then(|| self.target.place(path, file))??;
        self.text(File::open(content).ok()?, size)
    }

    /// Reads a file. Returns `None` if the file is not text of the expected length.
    fn text(&mut self, file: File, size: u64) -> Option<String> {
        let mut bytes = Vec::new();
        file.take(size + 1).read_to_end(&mut bytes).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let text = Some(text).filter(|text| text.len() as u64 == size && !text.contains('\0'))?;
        self.budget -= size;
        Some(text)
    }
}
