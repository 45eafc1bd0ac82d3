//! Carries one action out: intent on disk, one `PATCH`, read back, report. It makes no choices of its own.
//!
//! Each action runs as a task of its own, so that one in flight never delays another's. The only caller of
//! [`Platform::patch`], and only with the journal's receipt. Dropping a task (at the end of the grace time, or by a crash)
//! leaves its intent open in the journal: the next start reads the platform back before it decides anything.

use super::patch;
use crate::clock::Clock;
use crate::journal::Pending;
use crate::platform::{Answer, ChannelDoc, Class, ErrorClass, Gate, Platform, PlatformError};
use crate::policy::{Action, Observation, OpId, Outcome, Source, Time};
use std::sync::Arc;
use std::time::Duration;

/// The first pause between two read-backs; it doubles up to [`SLOWEST_READ_BACK`].
const FIRST_READ_BACK: Duration = Duration::from_millis(100);
const SLOWEST_READ_BACK: Duration = Duration::from_secs(2);
/// Pauses between tries to read back an intent that a crash left open, while the platform cannot be read.
const SLOWEST_ORPHAN_READ: Duration = Duration::from_secs(30);
/// How long one read-back may take.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// What an executor tells the driver.
#[derive(Debug)]
pub enum Told {
    /// The change was sent; the time from the evidence to here is the action's latency.
    Sent {
        /// The action.
        op: OpId,
        /// From the confirming answer to the sending.
        latency: Duration,
    },
    /// A read-back, which is as good an observation as any single `GET`.
    Read {
        /// The action whose channel was read.
        op: OpId,
        /// What was read.
        observation: Observation,
        /// The document.
        doc: Arc<ChannelDoc>,
    },
    /// The action is over.
    Finished {
        /// The action.
        op: OpId,
        /// What came of it.
        outcome: Outcome,
    },
}

/// What one execution needs.
pub struct Execution {
    /// The action.
    pub action: Action,
    /// The channel as last read by a single `GET`: what must stay is sent as it stands here.
    pub doc: Arc<ChannelDoc>,
    /// Closes when the action is called back, or its evidence has grown old.
    pub gate: Gate,
    /// The platform.
    pub platform: Arc<dyn Platform>,
    /// Time.
    pub clock: Clock,
    /// To the driver.
    pub tell: tokio::sync::mpsc::Sender<Told>,
}

impl Execution {
    /// Waits for the intent to be on disk, changes the platform, reads back, and tells the driver what came of it.
    pub async fn run(self, intent: Pending) {
        let outcome = match intent.await {
            Ok(Some(receipt)) => self.change(receipt.gated(self.gate.clone())).await,
            Ok(None) => Outcome::Withdrawn { why: "the journal gave no receipt for the intent".into() },
            Err(error) => Outcome::Withdrawn { why: format!("the intent could not be written down: {error}") },
        };
        self.finish(outcome).await;
    }

    /// Finds out what became of an action that a crash interrupted: reads, never sends.
    pub async fn resolve_orphan(self) {
        let mut pause = FIRST_READ_BACK;
        // The change may still be on its way into effect: the time to verify starts with the first answer.
        while let Err(error) = self.read().await {
            if error.class == ErrorClass::NotFound {
                // Should it ever come back, its own looks tell.
                return self.finish(Outcome::Unknown { why: error.to_string() }).await;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(SLOWEST_ORPHAN_READ);
        }
        let outcome = self.verify(self.clock.now()).await;
        self.finish(outcome).await;
    }

    async fn change(&self, receipt: crate::journal::Receipt) -> Outcome {
        if let Some(why) = self.gate.closed_because(self.clock.now()) {
            return Outcome::Withdrawn { why };
        }
        let body = patch::body(&self.action.kind, &self.doc);
        let id = &self.action.channel.channel;
        let sent = self.platform.patch(&receipt, id, &body, self.doc.etag(), self.action.action_timeout).await;
        match sent {
            Ok(answer) => {
                self.tell_sent(answer.asked_at).await;
                self.verify(answer.asked_at).await
            }
            Err(error) => self.after_error(error).await,
        }
    }

    async fn after_error(&self, error: PlatformError) -> Outcome {
        match error.class {
            ErrorClass::UnknownOutcome => self.verify(self.clock.now()).await,
            ErrorClass::Conflict => Outcome::Conflict,
            ErrorClass::Withdrawn => Outcome::Withdrawn { why: error.message },
            ErrorClass::Retryable => Outcome::NotSent { why: error.to_string() },
            ErrorClass::Fatal
            | ErrorClass::NotAuthorised
            | ErrorClass::Forbidden
            | ErrorClass::NotFound
            | ErrorClass::Unsupported => Outcome::Refused { why: error.to_string() },
        }
    }

    /// Reads back until the platform shows the change or `verify_for` has passed since `from`. It was not made only where
    /// the read after that still shows the old state.
    async fn verify(&self, from: Time) -> Outcome {
        let deadline = from + self.action.verify_for;
        let mut pause = FIRST_READ_BACK;
        loop {
            let final_read = self.clock.now() >= deadline;
            match self.read().await {
                Ok(doc) if patch::shows(&self.action.kind, &doc) => {
                    let siblings_lost = patch::siblings_lost(&self.action.kind, &self.doc, &doc);
                    return Outcome::Applied { siblings_lost };
                }
                Ok(_) if final_read => return Outcome::NotApplied,
                Err(error) if final_read => return Outcome::Unknown { why: error.to_string() },
                Ok(_) | Err(_) => {}
            }
            let left = deadline.since(self.clock.now());
            tokio::time::sleep(pause.min(left)).await;
            pause = (pause * 2).min(SLOWEST_READ_BACK);
        }
    }

    async fn read(&self) -> Result<Arc<ChannelDoc>, PlatformError> {
        let id = &self.action.channel.channel;
        let Answer { value, as_of, .. } = self.platform.channel(id, Class::Action, READ_TIMEOUT).await?;
        let doc = Arc::new(value);
        let observation = Observation::Look { asked_at: as_of, source: Source::Single, view: doc.view() };
        self.say(Told::Read { op: self.action.op, observation, doc: Arc::clone(&doc) }).await;
        Ok(doc)
    }

    async fn tell_sent(&self, at: Time) {
        self.say(Told::Sent { op: self.action.op, latency: at.since(self.action.evidence_at) }).await;
    }

    async fn finish(&self, outcome: Outcome) {
        self.say(Told::Finished { op: self.action.op, outcome }).await;
    }

    async fn say(&self, told: Told) {
        // The driver is gone only at the very end of a stop; the open intent then tells the next start.
        let _ = self.tell.send(told).await;
    }
}
