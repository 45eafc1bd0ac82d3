//! The wire between the real client and the model, with the oracle listening on it; and the places where a process can die.

use crate::oracle::{Oracle, Ticket};
use crate::second_thoughts::SecondThoughts;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::Notify;
use trunkwarden::clock::Clock;
use trunkwarden::platform::{Request, Response, Transport, TransportError};
use trunkwarden::sim::InProcess;

/// When a process dies.
#[derive(Clone, Copy, Debug)]
pub enum Death {
    /// So long after its start.
    After(Duration),
    /// At its n-th PATCH, before it reaches the platform.
    Unsent(u32),
    /// At its n-th PATCH, which the platform has made; the answer never comes.
    Unanswered(u32),
    /// At its n-th PATCH, with the answer in hand.
    Answered(u32),
}

/// See the module.
pub struct Wire {
    pub inner: InProcess,
    pub oracle: Arc<Mutex<Oracle>>,
    pub clock: Clock,
    pub began: Duration,
    pub death: Option<Death>,
    pub died: Arc<Notify>,
    pub patches: AtomicU32,
    pub thoughts: Arc<Mutex<SecondThoughts>>,
    /// Somebody has something to say.
    pub speaks: Arc<Notify>,
}

impl Wire {
    fn now(&self) -> Duration {
        self.began + self.clock.now().since_origin()
    }

    fn oracle(&self) -> MutexGuard<'_, Oracle> {
        self.oracle.lock().unwrap()
    }

    /// How the process dies of this request, if it does.
    fn deadly(&self, request: &Request) -> Option<Death> {
        if request.method != "PATCH" {
            return None;
        }
        let n = self.patches.fetch_add(1, Ordering::Relaxed) + 1;
        let dies = |at: &Death| matches!(at, Death::Unsent(m) | Death::Unanswered(m) | Death::Answered(m) if *m == n);
        self.death.filter(dies)
    }
}

#[async_trait::async_trait]
impl Transport for Wire {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let death = self.deadly(&request);
        if let Some(Death::Unsent(_)) = death {
            self.died.notify_one();
            return std::future::pending().await;
        }
        let refused_late = self.thoughts.lock().unwrap().meets(self.now(), &request);
        let ticket = self.oracle().asked(self.now(), &request);
        let mut passage = Passage { wire: self, ticket: Some(ticket) };
        if let Some(Death::Unanswered(_)) = death {
            self.died.notify_one();
        }
        let answer = self.inner.send(request).await;
        if let Some(late) = refused_late.filter(|_| answer.as_ref().is_ok_and(|answer| answer.status.as_u16() == 401)) {
            self.speaks.notify_one();
            tokio::time::sleep(late).await;
        }
        passage.ends(Some(&answer));
        if let Some(Death::Answered(_)) = death {
            self.died.notify_one();
        }
        answer
    }
}

/// A request that is waited for, or abandoned by being dropped.
struct Passage<'a> {
    wire: &'a Wire,
    ticket: Option<Ticket>,
}

impl Passage<'_> {
    fn ends(&mut self, answer: Option<&Result<Response, TransportError>>) {
        if let Some(ticket) = self.ticket.take() {
            self.wire.oracle().answered(self.wire.now(), ticket, answer);
        }
    }
}

impl Drop for Passage<'_> {
    fn drop(&mut self) {
        self.ends(None);
    }
}
