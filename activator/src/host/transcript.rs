//! The transcript of a run: a file with the output of the run. A client that has lost its connection can
//! still read this file.
//!
//! Each line is a JSON document. The run writes a [`Notice`] when it waits for a confirmation or for health
//! checks, and its [`Report`] at the end. The directory of the transcripts is accessible only to root and is
//! lost on reboot. The result of the last run is also stored in [`LastRun`](nixfleet_contract::run::LastRun),
//! which is permanent.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use nixfleet_contract::backoff::Backoff;
use nixfleet_contract::problem::Problem;
use nixfleet_contract::report::Report;
use nixfleet_contract::run::{Confirmation, Notice};
use nixfleet_contract::run_id::RunId;
use rustix::fs::{CWD, RenameFlags};
use rustix::io::Errno;
use serde::Serialize;

use super::disk::{self, Opening, Writer};
use super::record::read_limited;
use super::{Host, clock, host_file};

/// The directory of the transcripts.
pub const DIRECTORY: &str = "/run/nixfleet";
/// How long a transcript is kept after its run, for clients that have lost their connection.
const KEPT: Duration = Duration::from_secs(3600);
/// How long to keep the files of a run that has not started. The closure of such a run may still be on its
/// way to the host.
const ABANDONED: Duration = Duration::from_secs(24 * 3600);
/// The shortest and the longest pause between two reads. They are short, so that followers receive lines
/// almost immediately.
const FIRST_PAUSE: Duration = Duration::from_micros(500);
const LONGEST_PAUSE: Duration = Duration::from_millis(5);
/// The maximum number of bytes that are read from a transcript at once.
const LIMIT: u64 = 64 * 1024 * 1024;

/// The transcript of one run.
#[derive(Clone, Debug)]
pub struct Transcript {
    run: RunId,
    lines: PathBuf,
    confirmed: PathBuf,
}

/// A line of a transcript.
#[derive(Clone, Debug)]
pub enum TranscriptLine {
    /// The run waits for a confirmation or for health checks.
    Notice(Notice),
    /// The run has ended.
    Report(Box<Report>),
}

impl Transcript {
    /// Returns the transcript of a run. Does not create the file.
    #[must_use]
    pub fn of(host: &Host, run: &RunId) -> Self {
        let directory = host.path(DIRECTORY);
        let (lines, confirmed) =
            (directory.join(format!("{run}.jsonl")), directory.join(format!("{run}.confirmed")));
        Self { run: run.clone(), lines, confirmed }
    }

    /// Returns the id of the run.
    #[must_use]
    pub const fn run(&self) -> &RunId {
        &self.run
    }

    /// Creates the empty file of the transcript, and removes the files of old runs.
    ///
    /// # Errors
    /// Fails with [`nixfleet_contract::problem::Code::HostFile`], for example if the transcript already
    /// exists.
    pub fn begin(&self, host: &Host) -> Result<(), Problem> {
        let directory = host.path(DIRECTORY);
        let begin = || {
            disk::make_directories(&directory, 0o700)?;
            clear(host, &directory)?;
            disk::open(CWD, &self.lines, Opening::New).map(drop)
        };
        // Check an existing directory, since another user may have created it.
        host.is_of_root_alone(DIRECTORY)?;
        begin().map_err(|error| host_file("start the transcript of a run in", DIRECTORY, &error))
    }

    /// Whether the run has started since this machine booted.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.lines.exists()
    }

    /// Appends a line to the transcript.
    ///
    /// # Errors
    /// Fails with [`nixfleet_contract::problem::Code::HostFile`].
    pub fn say(&self, document: &impl Serialize) -> Result<(), Problem> {
        let say = || {
            let mut bytes = serde_json::to_vec(document)?;
            bytes.push(b'\n');
            let mut file = disk::open(CWD, &self.lines, Opening::Lasting)?;
            file.seek(SeekFrom::End(0))?;
            // Write the line with one call, so that followers read only complete lines.
            Writer(&file).write_all(&bytes)
        };
        say().map_err(|error: io::Error| host_file("write", &self.lines, &error))
    }

    /// Confirms the run.
    ///
    /// # Errors
    /// Fails with [`nixfleet_contract::problem::Code::HostFile`].
    pub fn confirm(&self, confirmation: &Confirmation) -> Result<(), Problem> {
        let unfinished = self.confirmed.with_extension(format!("confirming-{}", std::process::id()));
        let confirm = || {
            let file = disk::open(CWD, &unfinished, Opening::Emptied)?;
            Writer(&file).write_all(&serde_json::to_vec(confirmation)?)?;
            // Rename the complete file into place, since the run reads the file as soon as it exists.
            disk::rename(CWD, &unfinished, CWD, &self.confirmed, RenameFlags::empty())?;
            Ok(())
        };
        confirm().map_err(|error: io::Error| host_file("write", &self.confirmed, &error))
    }

    /// Waits for the confirmation of the run. Returns `None` if the confirmation does not arrive before the
    /// deadline.
    #[must_use]
    pub fn wait_for_confirmation(&self, deadline: Instant) -> Option<Confirmation> {
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        loop {
            if let Ok(Some(bytes)) = read_limited(&self.confirmed)
                && let Ok(confirmation) = serde_json::from_slice(&bytes)
            {
                return Some(confirmation);
            }
            if Instant::now() >= deadline {
                return None;
            }
            thread::sleep(backoff.pause());
        }
    }

    /// Returns the report, if the run has ended.
    #[must_use]
    pub fn report(&self) -> Option<Report> {
        let mut reader = LineReader::new(self.lines.clone());
        reader.lines().ok()?.into_iter().find_map(|line| match line {
            TranscriptLine::Report(report) => Some(*report),
            TranscriptLine::Notice(_) => None,
        })
    }

    /// Follows the run from its start to its report, and passes every line to `hand_on`. While there are no
    /// new lines, `is_over` is called from time to time. `is_over` returns an error if the run has ended
    /// without a report.
    ///
    /// # Errors
    /// Fails with [`nixfleet_contract::problem::Code::HostFile`], or the error of `is_over`.
    pub fn follow(
        &self,
        mut hand_on: impl FnMut(&TranscriptLine),
        mut is_over: impl FnMut() -> Result<(), Problem>,
    ) -> Result<Report, Problem> {
        /// The interval between two calls of `is_over`.
        const DOUBT: Duration = Duration::from_secs(1);
        let mut reader = LineReader::new(self.lines.clone());
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        let mut asked = Instant::now();
        let mut over = Ok(());
        loop {
            let lines = reader.lines().map_err(|error| host_file("read", &self.lines, &error))?;
            for line in lines {
                hand_on(&line);
                if let TranscriptLine::Report(report) = line {
                    return Ok(*report);
                }
            }
            // Return the error only after another read, since the run may have written its last lines in the
            // meantime.
            over?;
            over = Ok(());
            if asked.elapsed() >= DOUBT {
                over = is_over();
                asked = Instant::now();
            }
            thread::sleep(backoff.pause());
        }
    }
}

/// Removes the files of old runs. Files of runs that have not ended are kept, even if the wall clock has
/// jumped.
fn clear(host: &Host, directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        // Skip a file without metadata: the run that owns the file may just have removed it.
        let Ok(modified) = entry.metadata().and_then(|metadata| metadata.modified()) else { continue };
        let age = clock::now().duration_since(modified).unwrap_or_default();
        if age <= KEPT {
            continue;
        }
        let name = entry.file_name();
        let run = name.to_str().and_then(|name| name.split('.').next()?.parse().ok());
        let transcript = run.map(|run| Transcript::of(host, &run)).filter(Transcript::exists);
        let is_of_use = transcript.map_or(age <= ABANDONED, |transcript| transcript.report().is_none());
        if is_of_use {
            continue;
        }
        match disk::unlink(CWD, entry.path()) {
            Err(Errno::NOENT) => {}
            unlinked => unlinked?,
        }
    }
    Ok(())
}

/// A reader that returns the complete lines written since its last read.
struct LineReader {
    path: PathBuf,
    position: u64,
}

impl LineReader {
    const fn new(path: PathBuf) -> Self {
        Self { path, position: 0 }
    }

    fn lines(&mut self) -> io::Result<Vec<TranscriptLine>> {
        let mut file = File::open(&self.path)?;
        if file.metadata()?.len() == self.position {
            return Ok(Vec::new());
        }
        file.seek(SeekFrom::Start(self.position))?;
        let mut bytes = Vec::new();
        file.take(LIMIT).read_to_end(&mut bytes)?;
        let complete = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        self.position += complete as u64;
        bytes[..complete].split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(parse).collect()
    }
}

fn parse(line: &[u8]) -> io::Result<TranscriptLine> {
    if let Ok(notice) = serde_json::from_slice(line) {
        return Ok(TranscriptLine::Notice(notice));
    }
    Ok(TranscriptLine::Report(Box::new(serde_json::from_slice(line)?)))
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn of_a_run_that_has_not_ended_everything_stays() {
        let root = tempfile::tempdir().unwrap();
        let host = Host::open(root.path()).unwrap();
        let runs = [(); 4].map(|()| crate::host::random::run_id());
        let [ended, waiting, copying, begun] = runs.each_ref().map(|run| Transcript::of(&host, run));
        ended.begin(&host).unwrap();
        waiting.begin(&host).unwrap();
        waiting.say(&Notice::awaiting(runs[1].clone(), 60)).unwrap();
        let report = serde_json::json!({
            "schema": 1, "host": "web-1", "outcome": "ok", "before": null, "after": null, "stepsDone": 1,
            "kept": [], "problem": null, "recovered": null, "durationMs": 5,
        });
        ended.say(&report).unwrap();
        let said = copying.lines.with_extension("said");
        fs::write(&said, "").unwrap();
        let two_hours_ago = SystemTime::now() - Duration::from_secs(7200);
        for path in [&ended.lines, &waiting.lines, &said] {
            File::options().write(true).open(path).unwrap().set_modified(two_hours_ago).unwrap();
        }
        begun.begin(&host).unwrap();
        assert!(!ended.exists(), "nobody will ask for it any more");
        assert!(waiting.exists() && said.exists(), "they are still needed");
    }
}
