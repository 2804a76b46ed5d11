//! The results of one benchmark run, and whether they are within the budgets.

use std::fmt;
use std::fs;
use std::thread::available_parallelism;

use anyhow::{Context, Result};
use serde::Serialize;

use super::Figure;
use crate::place;

/// The figures and ratios of one benchmark run.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Results {
    /// The version of the format, which is always 1.
    schema: u32,
    /// The machine on which the benchmark ran.
    machine: Machine,
    /// The measured durations.
    pub figures: Vec<Figure>,
    /// The comparisons of figures.
    pub ratios: Vec<Ratio>,
}

/// The properties of a machine that influence the figures.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Machine {
    cpus: usize,
    processor: String,
    memory_mib: u64,
    kernel: String,
}

/// The quotient of two figures, and the budget of the quotient.
#[derive(Clone, Debug, Serialize)]
pub struct Ratio {
    /// The description of the two compared figures.
    pub name: String,
    /// The quotient.
    pub value: f64,
    /// The limit for the quotient, or nothing if the ratio has no limit.
    pub budget: Option<Budget>,
    /// Whether the budget is met, or nothing if there is no budget.
    pub met: Option<bool>,
}

/// A limit for a ratio.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Budget {
    /// The ratio must be at most this value.
    AtMost(f64),
    /// The ratio must be at least this value.
    AtLeast(f64),
}

impl Results {
    /// Creates empty results for this machine.
    ///
    /// # Errors
    /// The properties of the machine cannot be read.
    pub fn of_this_machine() -> Result<Self> {
        let read = |path: &str| fs::read_to_string(path).with_context(|| format!("Failed to read {path}"));
        let (cpuinfo, meminfo) = (read("/proc/cpuinfo")?, read("/proc/meminfo")?);
        let value = |text: &str, key: &str| {
            let line = text.lines().find(|line| line.starts_with(key));
            line.and_then(|line| line.split_once(':'))
                .map(|(_, value)| value.trim().to_owned())
                .unwrap_or_default()
        };
        let kib = value(&meminfo, "MemTotal").trim_end_matches(" kB").parse::<u64>().unwrap_or_default();
        let machine = Machine {
            cpus: available_parallelism().context("Failed to count the processors")?.get(),
            processor: value(&cpuinfo, "model name"),
            memory_mib: kib / 1024,
            kernel: read("/proc/sys/kernel/osrelease")?.trim().to_owned(),
        };
        Ok(Self { schema: 1, machine, figures: Vec::new(), ratios: Vec::new() })
    }

    /// Adds a figure and returns its median.
    pub fn add(&mut self, figure: Figure) -> f64 {
        let median = figure.median;
        self.figures.push(figure);
        median
    }

    /// Adds a ratio.
    pub fn compare(&mut self, name: &str, value: f64, budget: Option<Budget>) {
        let met = budget.map(|budget| match budget {
            Budget::AtMost(most) => value <= most,
            Budget::AtLeast(least) => value >= least,
        });
        self.ratios.push(Ratio { name: name.to_owned(), value, budget, met });
    }

    /// Writes the results to `target/bench/results.json`.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self) -> Result<()> {
        let dir = place::target().join("bench");
        fs::create_dir_all(&dir).with_context(|| format!("Failed to create {}", dir.display()))?;
        let path = dir.join("results.json");
        let text = serde_json::to_vec_pretty(self).context("Failed to write the results as JSON")?;
        fs::write(&path, text).with_context(|| format!("Failed to write {}", path.display()))?;
        println!("Written to {}", path.display());
        Ok(())
    }
}

impl fmt::Display for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let machine = &self.machine;
        writeln!(
            f,
            "\n{} processors ({}), {} MiB, Linux {}",
            machine.cpus, machine.processor, machine.memory_mib, machine.kernel
        )?;
        writeln!(f, "\n{:<64} {:>10} {:>6}", "median of", "seconds", "runs")?;
        for figure in &self.figures {
            writeln!(f, "{:<64} {:>10.3} {:>6}", figure.name, figure.median, figure.seconds.len())?;
        }
        writeln!(f, "\n{:<64} {:>10}  budget", "ratio", "times")?;
        for ratio in &self.ratios {
            write!(f, "{:<64} {:>10.2}", ratio.name, ratio.value)?;
            match ratio.budget {
                Some(Budget::AtMost(most)) => write!(f, "  ≤ {most}")?,
                Some(Budget::AtLeast(least)) => write!(f, "  ≥ {least}")?,
                None => {}
            }
            writeln!(f, "{}", ratio.met.map_or("", |met| if met { "  met" } else { "  MISSED" }))?;
        }
        Ok(())
    }
}
