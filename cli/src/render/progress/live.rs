//! The live view, which is redrawn below all other output on a terminal.

use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use console::Term;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::board::{Board, Room};
use super::screen::Screen;
use nixfleet_operator::event::EventKind;

/// The interval at which the live view is redrawn even if no event occurs.
const TICK: Duration = Duration::from_millis(120);
/// Maximum number of redraws per second.
const FRAMES_A_SECOND: u8 = 20;
/// The frames of the spinner, an animation that shows that the program is running.
const FRAMES: [&str; 10] = ["⠋ ", "⠙ ", "⠹ ", "⠸ ", "⠼ ", "⠴ ", "⠦ ", "⠧ ", "⠇ ", "⠏ "];

/// The live view of the progress of a command.
pub struct Live {
    board: Arc<Mutex<Board>>,
    screen: MultiProgress,
    room: fn() -> Room,
    drawn: Mutex<Option<ProgressBar>>,
}

impl Live {
    /// Creates a live view on standard error.
    pub fn on_terminal() -> Self {
        let room = || {
            let (height, width) = Term::stderr().size();
            Room { width: width.into(), height: height.into() }
        };
        let screen = Box::new(Screen::on(Term::buffered_stderr()));
        let target = ProgressDrawTarget::term_like_with_hz(screen, FRAMES_A_SECOND);
        Self::on(MultiProgress::with_draw_target(target), room)
    }

    fn on(screen: MultiProgress, room: fn() -> Room) -> Self {
        Self { board: Arc::default(), screen, room, drawn: Mutex::default() }
    }

    /// Updates the live view with an event. The change is visible after the next redraw.
    pub fn hear(&self, kind: &EventKind, now: Instant) {
        let mut board = self.board.lock().unwrap_or_else(PoisonError::into_inner);
        board.hear(kind, now);
        let is_idle = board.is_idle();
        // Unlock the board first: redrawing locks the screen and then the board, so the opposite order could
        // deadlock.
        drop(board);
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        match (is_idle, drawn.take()) {
            (true, Some(bar)) => bar.finish_and_clear(),
            (false, None) => {
                let bar = self.screen.add(ProgressBar::new_spinner().with_style(self.style()));
                bar.enable_steady_tick(TICK);
                *drawn = Some(bar);
            }
            (_, bar) => *drawn = bar,
        }
    }

    /// Runs `print`, which may print lines. The lines appear above the live view.
    pub fn suspend(&self, print: impl FnOnce()) {
        self.screen.suspend(print);
    }

    fn style(&self) -> ProgressStyle {
        let (board, room) = (Arc::clone(&self.board), self.room);
        let draw = move |state: &ProgressState, to: &mut dyn Write| {
            let turn = usize::try_from(state.elapsed().as_millis() / TICK.as_millis()).unwrap_or(0);
            let board = board.lock().unwrap_or_else(PoisonError::into_inner);
            let lines = board.lines(Instant::now(), room(), FRAMES[turn % FRAMES.len()]);
            // A write error is ignored, since this callback cannot return an error.
            let _ = to.write_str(&lines.join("\n"));
        };
        let style =
            ProgressStyle::with_template("{board}").unwrap_or_else(|_| ProgressStyle::default_spinner());
        style.with_key("board", draw)
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use indicatif::{InMemoryTerm, TermLike};

    use super::*;
    use nixfleet_operator::event::{Phase, Stage};

    fn on_paper() -> (Live, InMemoryTerm) {
        let paper = InMemoryTerm::new(10, 40);
        let target = ProgressDrawTarget::term_like(Box::new(paper.clone()));
        (Live::on(MultiProgress::with_draw_target(target), || Room { width: 40, height: 10 }), paper)
    }

    impl Live {
        fn draw(&self) {
            if let Some(bar) = &*self.drawn.lock().unwrap() {
                bar.disable_steady_tick();
                bar.tick();
            }
        }
    }

    #[test]
    fn lines_that_stay_stand_above_and_whole() {
        let (live, paper) = on_paper();
        let host = |number: usize| format!("web-{number}");
        for number in 0..200 {
            live.hear(&EventKind::HostPhase { host: host(number), phase: Phase::Planning }, Instant::now());
            live.draw();
        }
        for number in 0..20 {
            live.suspend(|| paper.write_line(&format!("{}: said a word", host(number))).unwrap());
            live.draw();
        }
        let seen = paper.contents();
        let lines: Vec<&str> = seen.lines().collect();
        assert_eq!(lines[..2], ["web-19: said a word", "web-0  planning  0s"], "{seen}");
        assert_eq!(lines.iter().filter(|line| line.contains("in work")).count(), 1, "{seen}");
        assert!(lines[9].ends_with("200 in work, 0 done"), "{seen}");
        for number in 0..200 {
            let (host, steps, problem) = (host(number), Some(1), None);
            live.hear(&EventKind::HostPlanned { host, steps, current: None, problem }, Instant::now());
        }
        assert!(paper.contents().lines().all(|line| line.ends_with("said a word")), "{}", paper.contents());
    }

    /// A terminal that was closed, so that drawing fails. The counter is the number of attempts to draw.
    #[derive(Clone, Debug, Default)]
    struct Gone(Arc<AtomicUsize>);

    impl Gone {
        fn fails(&self) -> io::Result<()> {
            self.0.fetch_add(1, Ordering::SeqCst);
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }

    impl TermLike for Gone {
        fn width(&self) -> u16 {
            40
        }

        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            self.fails()
        }

        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            self.fails()
        }

        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            self.fails()
        }

        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            self.fails()
        }

        fn write_line(&self, _: &str) -> io::Result<()> {
            self.fails()
        }

        fn write_str(&self, _: &str) -> io::Result<()> {
            self.fails()
        }

        fn clear_line(&self) -> io::Result<()> {
            self.fails()
        }

        fn flush(&self) -> io::Result<()> {
            self.fails()
        }
    }

    #[test]
    fn a_terminal_that_goes_away_stops_nobody() {
        let gone = Gone::default();
        let target = ProgressDrawTarget::term_like(Box::new(Screen::on(gone.clone())));
        let live = Live::on(MultiProgress::with_draw_target(target), || Room { width: 40, height: 10 });
        for number in 0..3 {
            let host = format!("web-{number}");
            live.hear(&EventKind::HostPhase { host, phase: Phase::Planning }, Instant::now());
            live.draw();
            live.suspend(|| ());
        }
        assert_eq!(gone.0.load(Ordering::SeqCst), 1, "nothing more is tried");
    }

    #[test]
    fn it_comes_back_after_a_pause() {
        let (live, paper) = on_paper();
        for stage in [Stage::Evaluation, Stage::Build] {
            live.hear(&EventKind::StageBegan { stage }, Instant::now());
            live.draw();
            assert!(paper.contents().ends_with(&format!("{}  0s", stage.as_str())), "{}", paper.contents());
            live.hear(&EventKind::StageEnded { stage, duration_ms: 1, problem: None }, Instant::now());
            assert_eq!(paper.contents(), "");
        }
    }
}
