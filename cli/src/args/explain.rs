//! The arguments of `nixfleet explain`.

/// Arguments of `explain`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  nixfleet explain NF-402          print the usual causes of an error, and what to do
  nixfleet explain NF-402 --json   print the same for a program
  nixfleet explain                 list all codes")]
pub struct ExplainArgs {
    /// The codes of errors, such as NF-402; without a code, list all codes
    #[arg(value_name = "CODE")]
    pub codes: Vec<String>,
}
