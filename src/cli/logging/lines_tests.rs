//! Whoever logs never waits, what is dropped is counted, and no value forges a line.

use super::*;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// An outlet whose every write waits until it is let go.
struct Slow {
    go: Receiver<()>,
    written: SyncSender<String>,
}

impl Write for Slow {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.go.recv().map_err(io::Error::other)?;
        self.written.send(String::from_utf8_lossy(text).into_owned()).map_err(io::Error::other)?;
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn slow() -> (Lines, SyncSender<()>, Receiver<String>) {
    let (go, let_go) = sync_channel(0);
    let (written, read) = sync_channel(MOST_LINES + 10);
    (Lines::to(Slow { go: let_go, written }, plain_text).unwrap(), go, read)
}

#[test]
fn what_finds_no_room_is_dropped_and_counted_and_the_rest_comes_in_order() {
    let (lines, go, read) = slow();
    let counter = IntCounter::new("dropped_total", "Dropped.").unwrap();
    lines.push(b"first\n");
    // From here on the first is being written, and the queue is empty.
    while !lines.queue().writing {
        std::thread::yield_now();
    }
    for n in 0..MOST_LINES + 5 {
        lines.push(format!("{n}\n").as_bytes());
    }
    lines.counted_by(counter.clone());
    assert_eq!(counter.get(), 5);
    lines.push(b"one more\n");
    assert_eq!(counter.get(), 6);
    for wanted in ["first\n", "0\n", "1\n"] {
        go.send(()).unwrap();
        assert_eq!(read.recv().unwrap(), wanted);
    }
}

#[test]
fn the_queue_is_bounded_in_bytes_too() {
    let (lines, _go, _read) = slow();
    let big = vec![b'x'; MOST_BYTES / 4];
    for _ in 0..9 {
        lines.push(&big);
    }
    let queue = lines.queue();
    assert!(queue.bytes <= MOST_BYTES && queue.dropped >= 4, "{} bytes, {} dropped", queue.bytes, queue.dropped);
}

#[test]
fn the_end_writes_what_is_queued() {
    let (written, read) = sync_channel(10);
    let (go, let_go) = sync_channel(10);
    (0..2).for_each(|_| go.send(()).unwrap());
    let lines = Lines::to(Slow { go: let_go, written }, plain_text).unwrap();
    lines.push(b"a\n");
    lines.push(b"b\n");
    lines.flush();
    assert_eq!(read.try_iter().collect::<String>(), "a\nb\n");
}

#[test]
fn no_value_forges_a_line_or_steers_a_terminal() {
    let event = "WARN status \"x\n2026-01-01T00:00:00Z ERROR all is lost\u{1b}[2J\r\u{202e}gone\"\n";
    let shown = plain_text(event);
    assert_eq!(
        shown,
        "WARN status \"x\n    | 2026-01-01T00:00:00Z ERROR all is lost\u{fffd}[2J\u{fffd}\u{fffd}gone\"\n"
    );
    assert!(coloured_text("\u{1b}[33mWARN\u{1b}[0m a\rb\n").starts_with("\u{1b}[33mWARN\u{1b}[0m a\u{fffd}b\n"));
}
