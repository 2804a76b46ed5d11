//! Recovers a host from an interrupted run.

use nixfleet_contract::problem::Problem;
use nixfleet_contract::report::Report;
use serde::Deserialize;

use super::ask;
use crate::ssh::Session;

/// The answer of a host to the request to recover. Unknown fields are refused, so that a refusal is not read
/// as [`Self::Nothing`].
#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Answered {
    /// The report of the interrupted run.
    Recovered(Box<Report>),
    /// There was nothing to recover, or another run is changing the host.
    Nothing {
        #[serde(rename = "schema")]
        _schema: u32,
    },
}

/// Recovers a host from an interrupted run, with the activator that the host already has. Returns what the
/// recovery did, or `None` if it did nothing. Takes one SSH exec.
///
/// # Errors
/// The host cannot be reached, the SSH user cannot become root, or the change cannot be undone.
pub async fn recover(session: &Session) -> Result<Option<String>, Problem> {
    let script = include_str!("scripts/recover.sh");
    let answer = ask(session, script, &[], Vec::new(), session.to_change()).await?;
    Ok(match answer.document()? {
        Answered::Recovered(report) => report.recovered,
        Answered::Nothing { .. } => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_no_answer() {
        let read = serde_json::from_str::<Answered>;
        assert!(matches!(read(r#"{"schema":1}"#), Ok(Answered::Nothing { .. })));
        assert!(read(r#"{"schema":1,"problem":{"code":"NF-412","what":"it failed"}}"#).is_err());
    }
}
