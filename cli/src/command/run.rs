//! The subcommand `nixfleet run`.

use std::collections::BTreeMap;
use std::sync::Arc;

use nixfleet_contract::problem::{Code, Problem};
use nixfleet_operator::event::{EventKind, Stream};
use nixfleet_operator::host_result::HostResult;
use nixfleet_operator::operation::run::RunRequest;
use nixfleet_operator::stop::Stop;
use nixfleet_operator::text::many_lines;
use tokio::sync::mpsc::{Receiver, channel};

use super::Context;
use super::input::Input;
use crate::args::RunArgs;
use crate::exit::Exit;
use crate::render::{self, HOST_COLOURS, paint};

/// Maximum number of events that wait to be printed. When this many events wait, no more output is read from
/// hosts until some events are printed, since events with long lines need much memory.
const WAITING: usize = 128;

/// The warning after the first Ctrl-C.
const INTERRUPTED: &str = "interrupted: the command is started on no further host; waiting for the hosts \
                           where it runs (Ctrl-C again: leave now; the command continues there)";

/// Runs the user's command on the hosts, and shows its output as it arrives.
///
/// # Errors
/// The command stopped before it reached any host.
pub async fn execute(args: &RunArgs, context: &Context) -> Result<Exit, Stop> {
    let for_people = !context.output.is_for_programs();
    let request = RunRequest {
        targets: args.targets.targets(context.output)?,
        words: words(args)?,
        sudo: args.sudo,
        timeout: args.timeout,
        keep: context.output.json || (args.fold && for_people),
    };
    let run = request.prepare(&context.operation).await?;
    let names = run.hosts();
    let input = Arc::new(Input::of(args.stdin, names.len())?);
    let (sender, receiver) = channel(WAITING);
    let ran = run.carry_out(Arc::clone(&input), sender, &context.operation);
    let work = async { tokio::join!(ran, listen(receiver, &names, context)) };
    let (results, ()) = to_the_end(work, context).await;
    let results = results?;
    if input.is_left() {
        context
            .operation
            .warn(None, "no host has read the standard input; --stdin sends all of it to each host");
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

/// Waits for the end of `work`. If the user presses Ctrl-C, prints a warning about the hosts that are still
/// awaited.
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

fn words(args: &RunArgs) -> Result<Vec<String>, Problem> {
    match (args.shell, args.command.as_slice()) {
        (false, words) => Ok(words.to_vec()),
        (true, [script]) => Ok(vec!["sh".to_owned(), "-c".to_owned(), script.clone()]),
        (true, words) => Err(Problem::new(Code::Usage, "--shell takes one argument")
            .because(format!("{} arguments were given", words.len()))
            .help(format!("quote the command: nixfleet run --shell -- '{}'", words.join(" ")))),
    }
}

/// Handles the events of hosts in the order of their arrival. Events with output of hosts are printed, unless
/// `--events` is given. All other events are passed on to the event bus.
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

/// Prints all waiting lines in one call of `suspend`, since the live view is redrawn after each call.
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

/// Prints, for each exit code other than 0, the names of the hosts on which the command ended with this code.
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
    use std::time::Duration;

    use nixfleet_contract::outcome::Outcome;

    use super::*;
    use crate::args::OutputArgs;
    use crate::render::Progress;
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
                show: Arc::new(|_: &str| {}),
            },
            output,
            Progress::new(),
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
