//! Log lines on their way to standard error: one queue with a bound, and one thread that writes.
//!
//! Whoever logs never waits: where nobody reads (a pipe that is full, a terminal that is stopped) the queue fills, and what
//! comes then is dropped, counted, and said once lines flow again. Must never: hold its lock while it writes, or let a
//! line begin that nobody logged.

use crate::cli::terminal;
use crate::sync::lock;
use prometheus::IntCounter;
use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tracing_subscriber::fmt::MakeWriter;

/// What may wait to be written, in bytes.
const MOST_BYTES: usize = 4 << 20;
/// The same in lines.
const MOST_LINES: usize = 16_384;
/// How long the end of the process waits for what is queued.
const FLUSH_WITHIN: Duration = Duration::from_secs(1);

/// The queue. Cheap to clone.
#[derive(Clone)]
pub(super) struct Lines(Arc<Shared>);

struct Shared {
    queue: Mutex<Queue>,
    /// There is something to write.
    more: Condvar,
    /// All is written.
    idle: Condvar,
    counter: OnceLock<IntCounter>,
    /// How a line is made harmless.
    clean: fn(&str) -> String,
}

#[derive(Default)]
struct Queue {
    lines: VecDeque<Vec<u8>>,
    bytes: usize,
    /// One is being written.
    writing: bool,
    /// Lines that were dropped, since the start.
    dropped: u64,
    /// As many of them were said.
    said: u64,
}

impl Lines {
    /// A queue whose lines are written to `out` by a thread of its own. `clean` makes each of them harmless.
    pub(super) fn to(out: impl Write + Send + 'static, clean: fn(&str) -> String) -> io::Result<Self> {
        let shared = Shared {
            queue: Mutex::default(),
            more: Condvar::new(),
            idle: Condvar::new(),
            counter: OnceLock::new(),
            clean,
        };
        let lines = Self(Arc::new(shared));
        let theirs = lines.clone();
        std::thread::Builder::new().name("log".to_owned()).spawn(move || theirs.write(out))?;
        Ok(lines)
    }

    /// What is dropped is counted by `counter` too, what was dropped before included.
    pub(super) fn counted_by(&self, counter: IntCounter) {
        let queue = self.queue();
        counter.inc_by(queue.dropped);
        let _ = self.0.counter.set(counter);
    }

    /// Queues a line, or drops it where there is no room.
    pub(super) fn push(&self, line: &[u8]) {
        let mut queue = self.queue();
        if queue.lines.len() >= MOST_LINES || queue.bytes.saturating_add(line.len()) > MOST_BYTES {
            self.dropped(&mut queue);
            return;
        }
        queue.bytes += line.len();
        queue.lines.push_back(line.to_vec());
        self.0.more.notify_one();
    }

    /// Waits until all is written, a second at most.
    pub(super) fn flush(&self) {
        let busy = |queue: &mut Queue| queue.writing || !queue.lines.is_empty();
        // Whether it is all written or the time is over: the process ends.
        drop(self.0.idle.wait_timeout_while(self.queue(), FLUSH_WITHIN, busy));
    }

    fn write(&self, mut out: impl Write) {
        loop {
            let line = self.next();
            let text = (self.0.clean)(&String::from_utf8_lossy(&line));
            // A line that cannot be written, as on a full disk, is lost like one that found no room.
            let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
            let lost = self.lost_until_now(written.is_ok());
            if lost > 0 {
                tracing::warn!(
                    lines = lost,
                    "log lines were lost: standard error was not read, or could not be written"
                );
            }
            let mut queue = self.queue();
            queue.writing = false;
            if queue.lines.is_empty() {
                self.0.idle.notify_all();
            }
        }
    }

    /// How many lines were lost that nobody was told of, where there is room to say so now.
    fn lost_until_now(&self, written: bool) -> u64 {
        let mut queue = self.queue();
        if !written {
            self.dropped(&mut queue);
            return 0;
        }
        if queue.bytes > MOST_BYTES / 2 || queue.lines.len() > MOST_LINES / 2 {
            return 0;
        }
        let lost = queue.dropped - queue.said;
        queue.said = queue.dropped;
        lost
    }

    fn next(&self) -> Vec<u8> {
        let mut queue = self.queue();
        loop {
            if let Some(line) = queue.lines.pop_front() {
                queue.bytes -= line.len();
                queue.writing = true;
                return line;
            }
            queue = self.0.more.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn dropped(&self, queue: &mut Queue) {
        queue.dropped = queue.dropped.saturating_add(1);
        if let Some(counter) = self.0.counter.get() {
            counter.inc();
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        lock(&self.0.queue)
    }
}

/// One event: the subscriber writes each in one go.
impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Text as people read it: what continues a line is set in, so that no value looks like a line of its own, and nothing
/// steers a terminal.
pub(super) fn plain_text(event: &str) -> String {
    continued(&terminal::plain_lines(event))
}

/// The same where the subscriber colours; its own escapes stay, and it has made those of values harmless.
pub(super) fn coloured_text(event: &str) -> String {
    let kept = |c: char| c == '\u{1b}' || !terminal::steers(c) || c == '\n' || c == '\t';
    continued(&event.chars().map(|c| if kept(c) { c } else { char::REPLACEMENT_CHARACTER }).collect::<String>())
}

fn continued(event: &str) -> String {
    let line = event.strip_suffix('\n').unwrap_or(event);
    line.replace('\n', "\n    | ") + "\n"
}

#[cfg(test)]
#[path = "lines_tests.rs"]
mod tests;
