//! A thread of its own for all that is spoken with one peer: its connections, its name lookups, its TLS.
//!
//! What a peer sends is read on its own thread, so that one that sends without end (heads of 1xx, one after the other, that
//! never come to an answer) takes at most its share of the machine from the others, as the kernel divides it, and nothing
//! from the loop that decides. An answer whose head keeps the thread busy for [`MOST_BUSY`] is given up: only bytes that
//! never end do that. Must never: be waited for where it is dropped.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio_util::task::AbortOnDropHandle;

/// Time that a thread may spend on what comes before an answer's head.
const MOST_BUSY: Duration = Duration::from_secs(1);
/// How often that is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Name lookups at once: each may hang for as long as the system's resolver does.
const LOOKUPS: usize = 4;

/// Why something did not end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// The head of the answer never ended.
    Endless,
    /// The thread ended.
    Gone,
}

/// The thread of one peer. It ends when this is dropped, with what was under way.
#[derive(Debug)]
pub(crate) struct Lane(Mutex<Running>);

#[derive(Debug)]
struct Running {
    thread: Option<Runtime>,
    /// Which one it is: what brings one to its end must not bring its successor to it.
    number: u64,
}

impl Lane {
    /// Starts the thread.
    ///
    /// # Errors
    /// Where the system gives none.
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self(Mutex::new(Running { thread: Some(thread()?), number: 0 })))
    }

    /// Does `work` there, which sets the flag once the answer's head is there. Dropping this abandons it.
    pub(crate) async fn run<T: Send + 'static, W: Future<Output = T> + Send + 'static>(
        &self,
        work: impl FnOnce(Arc<AtomicBool>) -> W,
    ) -> Result<T, Broken> {
        let Some((thread, number)) = self.thread() else { return Err(Broken::Gone) };
        let head = Arc::new(AtomicBool::new(false));
        let busy = || thread.metrics().worker_total_busy_duration(0);
        let before = busy();
        let mut work = AbortOnDropHandle::new(thread.spawn(work(Arc::clone(&head))));
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done.map_err(|_| Broken::Gone),
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            if !head.load(Ordering::Relaxed) && busy().saturating_sub(before) > MOST_BUSY {
                self.begin_anew(number);
                return Err(Broken::Endless);
            }
        }
    }

    fn thread(&self) -> Option<(Handle, u64)> {
        let running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        running.thread.as_ref().map(|thread| (thread.handle().clone(), running.number))
    }

    /// Ends the thread with all its connections, and starts another one: a connection that is only let go of goes on
    /// reading for as long as there is anything to read.
    fn begin_anew(&self, number: u64) {
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if running.number == number
            && let Ok(next) = thread()
        {
            running.number += 1;
            if let Some(before) = running.thread.replace(next) {
                before.shutdown_background();
            }
        }
    }
}

fn thread() -> std::io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(LOOKUPS)
        .thread_name("peer")
        // So that how busy it is shows after each step, however long a step is.
        .event_interval(1)
        .enable_all()
        .build()
}

impl Drop for Lane {
    fn drop(&mut self) {
        let running = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = running.thread.take() {
            thread.shutdown_background();
        }
    }
}
