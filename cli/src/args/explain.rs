//! The arguments of `nixfleet explain`.

/// Arguments of `explain`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  nixfleet explain NF-402          print the usual causes of an error, and what to do
  nixfleet explain NF-402 --json   print the same for a program")]
pub struct ExplainArgs {
    /// The code of an error, such as NF-402
    pub code: String,
}
