//! Reading in a thread of its own: a file system that does not answer holds up that thread, and nobody else.

use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// Reads one thing after the other, each within a time. Clones share the one thread.
#[derive(Clone, Debug)]
pub(crate) struct Aside {
    place: Arc<Semaphore>,
    within: Duration,
}

/// What was to be read has not been read in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no answer came within {} s: is a file on a file system that does not answer?", .0.as_secs())]
pub struct NoAnswer(Duration);

impl Aside {
    /// `within`: from the asking on, the wait for what is being read included.
    pub(crate) fn new(within: Duration) -> Self {
        Self { place: Arc::new(Semaphore::new(1)), within }
    }

    /// That no answer came within the time.
    pub(crate) fn no_answer(&self) -> NoAnswer {
        NoAnswer(self.within)
    }

    /// What `read` brings. Where it is late, it keeps its thread until it ends, and its result is dropped.
    ///
    /// # Errors
    ///
    /// Where it is late, or the one before it still has the thread.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, NoAnswer> {
        let reading = async {
            let place = Arc::clone(&self.place).acquire_owned().await.ok()?;
            let reading = spawn_blocking(move || {
                let _place = place;
                read()
            });
            match reading.await.map_err(tokio::task::JoinError::try_into_panic) {
                Ok(read) => Some(read),
                Err(Ok(panic)) => std::panic::resume_unwind(panic),
                // The process ends.
                Err(Err(_)) => None,
            }
        };
        tokio::time::timeout(self.within, reading).await.ok().flatten().ok_or_else(|| self.no_answer())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[tokio::test]
    async fn what_does_not_answer_takes_one_thread_and_no_more_until_it_does() {
        let aside = Aside::new(Duration::from_millis(50));
        let (go_on, waits) = mpsc::channel::<()>();
        assert_eq!(aside.read(move || waits.recv().is_ok()).await, Err(NoAnswer(aside.within)));
        let (begun, has_begun) = mpsc::channel();
        for _ in 0..20 {
            let begun = begun.clone();
            let read = aside.clone().read(move || begun.send(())).await;
            assert_eq!(read.map(|_| ()), Err(NoAnswer(aside.within)));
        }
        assert!(has_begun.try_recv().is_err(), "no other reading has begun");
        assert!(go_on.send(()).is_ok());
        let patient = Aside { within: Duration::from_secs(30), ..aside };
        assert_eq!(patient.read(|| 7).await, Ok(7));
    }
}
