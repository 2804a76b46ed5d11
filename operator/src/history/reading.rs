//! Reads commands from the history.

use jiff::Timestamp;
use nixfleet_contract::generation::Generation;
use nixfleet_contract::problem::{Code, Problem};
use rusqlite::types::Type;
use rusqlite::{Row, params};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::presence::Presence;
use super::{CommandEntry, CommandState, HostEntry, ProblemLine, Store};
use crate::inventory::Natural;

/// The maximum number of command ids that an error message lists.
const SHOWN: usize = 5;
const ENTRY: &str = "id, command, arguments, operator, began, ended, exit_code, flake, revision, rollout, \
                     rollout_end, reason, code, problem";
const HOST: &str = "host, steps, begun, outcome, before_number, before_closure, after_number, after_closure, \
                    duration_ms, exit_code, code, problem";

/// A filter for commands of the history.
#[derive(Clone, Debug)]
pub struct EntryFilter {
    /// A host name or pattern. Only commands that worked on a matching host are returned, and each returned
    /// command lists only the matching hosts.
    pub host: Option<String>,
    /// The maximum number of commands to return. If there are more, only the newest commands are returned.
    pub limit: usize,
}

impl Store {
    /// Returns the newest commands, newest first.
    ///
    /// # Errors
    /// Fails if the database is damaged.
    pub fn list(&self, filter: &EntryFilter) -> Result<Vec<CommandEntry>, Problem> {
        let select = format!(
            "SELECT {ENTRY} FROM commands WHERE ?1 IS NULL \
             OR id IN (SELECT command FROM hosts WHERE host GLOB ?1) ORDER BY began DESC, id DESC LIMIT ?2"
        );
        let read = || {
            let mut select = self.connection.prepare(&select)?;
            let entries = select.query_map(params![filter.host, filter.limit], entry)?;
            entries
                .map(|entry| self.complete(entry?, filter.host.as_deref()))
                .collect::<rusqlite::Result<_>>()
        };
        read().map_err(|error| self.problem(&error))
    }

    /// Returns the command with this id. The start or the end of the id suffices, and `last` means the newest
    /// command.
    ///
    /// # Errors
    /// Fails if no command or more than one command matches, or if the database is damaged.
    pub fn find(&self, name: &str) -> Result<CommandEntry, Problem> {
        let ids = self.ids(name).map_err(|error| self.problem(&error))?;
        let [id] = ids.as_slice() else {
            let known = self.ids("").map_err(|error| self.problem(&error))?;
            return Err(if ids.is_empty() { unknown(name, &known) } else { ambiguous(name, &ids) });
        };
        let select = format!("SELECT {ENTRY} FROM commands WHERE id = ?1");
        let found = self.connection.query_row(&select, [id], entry);
        found.and_then(|found| self.complete(found, None)).map_err(|error| self.problem(&error))
    }

    /// Returns the other commands that started or resumed the same rollout as `entry`, oldest first.
    ///
    /// # Errors
    /// Fails if the database is damaged.
    pub fn same_rollout(&self, entry: &CommandEntry) -> Result<Vec<CommandEntry>, Problem> {
        let read = || {
            let rollout = entry.rollout.as_ref().map(ToString::to_string);
            let select =
                format!("SELECT {ENTRY} FROM commands WHERE rollout = ?1 AND id <> ?2 ORDER BY began, id");
            let mut select = self.connection.prepare(&select)?;
            let others = select.query_map(params![rollout, entry.id.to_string()], self::entry)?;
            others.map(|entry| self.complete(entry?, None)).collect::<rusqlite::Result<_>>()
        };
        read().map_err(|error| self.problem(&error))
    }

    /// Returns the ids of the commands that `name` matches, newest first. Returns at most one id more than
    /// [`SHOWN`], so that an error message can tell whether it lists all of them.
    fn ids(&self, name: &str) -> rusqlite::Result<Vec<String>> {
        let list = |select: &str, word: &str| {
            let mut select = self.connection.prepare(select)?;
            let ids = select.query_map(params![word, SHOWN + 1], |row| row.get(0))?;
            ids.collect::<rusqlite::Result<Vec<String>>>()
        };
        if name == "last" {
            return list(
                "SELECT id FROM commands WHERE ?1 = 'last' ORDER BY began DESC, id DESC LIMIT min(1, ?2)",
                name,
            );
        }
        let select = "SELECT id FROM commands WHERE substr(id, 1, length(?1)) = ?1 \
                      OR (?1 <> '' AND substr(id, -length(?1)) = ?1) ORDER BY began DESC, id DESC LIMIT ?2";
        list(select, name)
    }

    /// Completes the entry of a command: adds the hosts of the command, and finds out whether the command is
    /// still running.
    fn complete(&self, entry: CommandEntry, only: Option<&str>) -> rusqlite::Result<CommandEntry> {
        let select = format!("SELECT {HOST} FROM hosts WHERE command = ?1 AND (?2 IS NULL OR host GLOB ?2)");
        let mut select = self.connection.prepare_cached(&select)?;
        let hosts = select.query_map(params![entry.id.to_string(), only], host)?;
        let mut hosts: Vec<HostEntry> = hosts.collect::<rusqlite::Result<_>>()?;
        hosts.sort_by_cached_key(|host| Natural::of(&host.host));
        let state = match entry.state {
            CommandState::Interrupted if Presence::is_seen(self.running(), &entry.id) => {
                CommandState::Running
            }
            state => state,
        };
        Ok(CommandEntry { state, hosts, ..entry })
    }
}

fn entry(row: &Row<'_>) -> rusqlite::Result<CommandEntry> {
    let ended: Option<i64> = row.get("ended")?;
    Ok(CommandEntry {
        id: word(row, "id")?,
        command: row.get("command")?,
        arguments: json(row, "arguments", &row.get::<_, String>("arguments")?)?,
        operator: row.get("operator")?,
        began: time(row.get("began")?),
        ended: ended.map(time),
        state: if ended.is_some() { CommandState::Ended } else { CommandState::Interrupted },
        exit_code: row.get("exit_code")?,
        flake: row.get("flake")?,
        revision: row.get("revision")?,
        rollout: word(row, "rollout")?,
        // A newer version of NixFleet may have recorded a word that this version does not know. The end of
        // the rollout is then treated as absent.
        end: word(row, "rollout_end").unwrap_or_default(),
        reason: row.get("reason")?,
        problem: line(row)?,
        hosts: Vec::new(),
    })
}

fn host(row: &Row<'_>) -> rusqlite::Result<HostEntry> {
    Ok(HostEntry {
        host: row.get("host")?,
        outcome: word(row, "outcome")?,
        steps: row.get("steps")?,
        begun: row.get("begun")?,
        before: generation(row, "before_number", "before_closure")?,
        after: generation(row, "after_number", "after_closure")?,
        duration_ms: row.get("duration_ms")?,
        exit_code: row.get("exit_code")?,
        problem: line(row)?,
    })
}

fn generation(row: &Row<'_>, number: &str, closure: &str) -> rusqlite::Result<Option<Generation>> {
    let parts: (Option<u64>, Option<String>) = (row.get(number)?, row.get(closure)?);
    Ok(parts.0.zip(parts.1).map(|(number, closure)| Generation { number, closure }))
}

fn line(row: &Row<'_>) -> rusqlite::Result<Option<ProblemLine>> {
    let (code, text): (Option<String>, Option<String>) = (row.get("code")?, row.get("problem")?);
    Ok(text.map(|text| ProblemLine { code, text }))
}

fn time(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or_default()
}

/// Reads a column that contains a word or null, and converts it to `T` as if it were a JSON string or null.
fn word<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> rusqlite::Result<T> {
    let word: Option<String> = row.get(column)?;
    json(row, column, &word.map_or(Value::Null, Value::String).to_string())
}

fn json<T: DeserializeOwned>(row: &Row<'_>, column: &str, text: &str) -> rusqlite::Result<T> {
    let at = row.as_ref().column_index(column).unwrap_or_default();
    serde_json::from_str(text)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(at, Type::Text, Box::new(error)))
}

impl Store {
    /// Returns the problem to report for a command that is not in the history. `known` lists the ids of some
    /// commands that are in the history.
    #[must_use]
    pub fn unknown(name: &str, known: &[String]) -> Problem {
        unknown(name, known)
    }
}

fn unknown(name: &str, known: &[String]) -> Problem {
    let why = if known.is_empty() {
        "the history has no commands yet".to_owned()
    } else {
        format!("the last commands are {}", few(known))
    };
    Problem::new(Code::History, "this command is not in the history")
        .at(name.escape_debug())
        .because(why)
        .help("list the commands: nixfleet history --limit 100")
}

fn ambiguous(name: &str, ids: &[String]) -> Problem {
    Problem::new(Code::History, "several commands in the history match this name")
        .at(name.escape_debug())
        .because(format!("the matching commands are {}", few(ids)))
        .help("write more of the name, or use `last` for the newest command")
}

fn few(ids: &[String]) -> String {
    let more = if ids.len() > SHOWN { " and others" } else { "" };
    format!("{}{more}", ids.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", "))
}
