//! `nixfleet run`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::report::Outcome;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::input::Input;
use super::{Context, targets};
use crate::args::RunArgs;
use crate::exit::Exit;
use crate::render::{self, HOST_COLOURS, paint};
use nixfleet_operator::event::{EventKind, Phase, Stream};
use nixfleet_operator::host_result::{HostResult, Ran};
use nixfleet_operator::orchestrate::each;
use nixfleet_operator::remote::{self, Finished, RemoteCommand};
use nixfleet_operator::ssh::Session;
use nixfleet_operator::text::many_lines;

/// How many lines may wait to be printed before the hosts are slowed down: they may be long.
const WAITING: usize = 128;

/// What one more Ctrl-C would do.
const INTERRUPTED: &str = "interrupted: the command is begun on no further host; waiting for those where it runs \
                           (again: leave now; it goes on there)";

/// Runs a command on the hosts and shows what it says, as it says it.
///
/// # Errors
/// The command came to no host.
pub async fn execute(args: &RunArgs, context: &Context) -> anyhow::Result<Exit> {
    let words = words(args)?;
    let (_, hosts) =
        targets::select(&args.targets.flake, &args.targets.selection.selection(), context).await?;
    let names: Vec<String> = hosts.iter().map(|host| host.name.clone()).collect();
    let input = Arc::new(Input::of(args.stdin, hosts.len())?);
    let sessions = args.targets.connections().sessions(hosts)?;
    context.operation.interrupt.hosts_are_changing();
    let for_people = !context.output.is_for_programs();
    let keep = context.output.json || (args.fold && for_people);
    let command = RemoteCommand { words, sudo: args.sudo, limit: Duration::from_secs(args.timeout), keep };
    let (sender, receiver) = channel(WAITING);
    let ran = async {
        let sender = sender;
        each(sessions, args.targets.at_once(), &context.operation.interrupt, |session| {
            let (command, input, sender) = (command.clone(), Arc::clone(&input), sender.clone());
            let events = context.operation.events.clone();
            async move {
                let host = session.host().name.clone();
                let began = Instant::now();
                events.say(EventKind::HostPhase { host: host.clone(), phase: Phase::Running });
                let result = result(&host, one(&session, &command, &input, &sender).await);
                // After the lines that still wait to be told. Whoever listens does so to the end.
                let _ = sender.send(EventKind::HostEnded(result.end(began.elapsed()))).await;
                result
            }
        })
        .await
    };
    let work = async { tokio::join!(ran, listen(receiver, &names, context)) };
    let (ran, ()) = to_the_end(work, context).await;
    let results: Vec<HostResult> = names
        .into_iter()
        .zip(ran?)
        .map(|(name, ran)| ran.unwrap_or_else(|| HostResult::new(name, Outcome::Skipped)))
        .collect();
    if input.is_left() {
        context
            .operation
            .warn(None, "nobody has read the standard input; --stdin gives all of it to each host");
    }
    if for_people {
        if args.fold {
            render::folded(&results);
        }
        for problem in results.iter().filter_map(|result| result.problem.as_ref()) {
            render::err(format_args!("error: {}", nixfleet_operator::text::problem_text(problem)));
        }
        summary(&results);
    }
    context.finish(results, None)
}

/// Waits for the work, and tells a user who interrupts it what for.
async fn to_the_end<T>(work: impl Future<Output = T>, context: &Context) -> T {
    tokio::pin!(work);
    tokio::select! {
        done = &mut work => done,
        () = context.operation.interrupt.requested() => {
            context.operation.warn(None, INTERRUPTED);
            work.await
        }
    }
}

async fn one(
    session: &Session,
    command: &RemoteCommand,
    input: &Input,
    told: &Sender<EventKind>,
) -> Result<Finished, Problem> {
    let input = input.open().map_err(|error| {
        Problem::new(Code::Usage, "the standard input cannot be handed on").because(error)
    })?;
    remote::run(session, command, input, told).await
}

fn words(args: &RunArgs) -> Result<Vec<String>, Problem> {
    match (args.shell, args.command.as_slice()) {
        (false, words) => Ok(words.to_vec()),
        (true, [script]) => Ok(vec!["sh".to_owned(), "-c".to_owned(), script.clone()]),
        (true, words) => Err(Problem::new(Code::Usage, "--shell takes one argument")
            .because(format!("there are {}", words.len()))
            .help(format!("quote it: nixfleet run --shell -- '{}'", words.join(" ")))),
    }
}

/// Tells what hosts tell, in the order in which it comes. Where lines are not wanted as events, they are printed.
async fn listen(mut told: Receiver<EventKind>, names: &[String], context: &Context) {
    let width = names.iter().map(String::len).max().unwrap_or_default();
    let colours: BTreeMap<&str, _> =
        names.iter().map(String::as_str).zip(HOST_COLOURS.iter().copied().cycle()).collect();
    let mut come = Vec::new();
    while told.recv_many(&mut come, WAITING).await > 0 {
        let mut lines = Vec::new();
        for kind in come.drain(..) {
            match kind {
                EventKind::Output { host, stream, text } if !context.output.events => {
                    let colour = colours.get(host.as_str()).copied().unwrap_or_default();
                    let head = paint(colour, format_args!("{host:<width$} |"));
                    lines.push((stream, format!("{head} {}", many_lines(&text))));
                }
                other => {
                    print(&mut lines, context);
                    context.operation.events.say(other);
                }
            }
        }
        print(&mut lines, context);
    }
}

/// Prints lines, all at once: what is live has to be drawn anew behind them.
fn print(lines: &mut Vec<(Stream, String)>, context: &Context) {
    if lines.is_empty() {
        return;
    }
    context.progress.suspend(|| {
        for (stream, line) in lines.drain(..) {
            match stream {
                Stream::Stdout => render::out(&format!("{line}\n")),
                Stream::Stderr => render::err(line),
            }
        }
    });
}

fn result(name: &str, ran: Result<Finished, Problem>) -> HostResult {
    match ran {
        Err(problem) => HostResult::failed(name, problem),
        Ok(Finished { exit, output, problem }) => {
            let outcome = if exit == 0 { Outcome::Ok } else { Outcome::Failed };
            let [stdout, stderr] = output.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            let run = Some(Ran { exit_code: exit, stdout, stderr });
            HostResult { run, problem, ..HostResult::new(name, outcome) }
        }
    }
}

/// Names the hosts by exit code, where some failed.
fn summary(results: &[HostResult]) {
    let mut by_code: BTreeMap<i32, Vec<&str>> = BTreeMap::new();
    for result in results {
        if let Some(ran) = result.run.as_ref().filter(|ran| ran.exit_code != 0 && result.problem.is_none()) {
            by_code.entry(ran.exit_code).or_default().push(&result.host);
        }
    }
    for (code, hosts) in by_code {
        render::err(format_args!("exit code {code}: {}", hosts.join(", ")));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::args::OutputArgs;
    use nixfleet_operator::event::RolloutId;
    use nixfleet_operator::event::{Bus, Event, Listener};
    use nixfleet_operator::interrupt::Interrupt;
    use nixfleet_operator::operation;

    struct OutputListener(Arc<Mutex<Vec<String>>>);

    impl Listener for OutputListener {
        fn name(&self) -> &'static str {
            "ear"
        }

        fn hear(&mut self, event: &Event) -> anyhow::Result<()> {
            let word = match &event.kind {
                EventKind::Output { text, .. } => text.clone(),
                EventKind::HostEnded(end) => end.outcome.to_string(),
                _ => return Ok(()),
            };
            self.0.lock().unwrap().push(word);
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_host_has_ended_when_its_last_line_was_told() {
        let (bus, heard) = (Bus::default(), Arc::default());
        bus.subscribe(OutputListener(Arc::clone(&heard)));
        let output = OutputArgs { json: false, events: true, verbosity: 0 };
        let context = Context::new(
            operation::Context {
                id: RolloutId::draw(),
                command: "run",
                interrupt: Interrupt::default(),
                events: bus,
            },
            output,
        );
        let (sender, receiver) = channel(WAITING);
        for text in ["one", "two"] {
            let line = EventKind::Output { host: "a".into(), stream: Stream::Stdout, text: text.into() };
            sender.send(line).await.unwrap();
        }
        let end = HostResult::new("a", Outcome::Ok).end(Duration::ZERO);
        sender.send(EventKind::HostEnded(end)).await.unwrap();
        drop(sender);
        listen(receiver, &["a".to_owned()], &context).await;
        assert_eq!(*heard.lock().unwrap(), ["one", "two", "ok"]);
    }
}
