//! Carries one action out: its operation on disk, one `PATCH`, read back, report. It makes no choices of its own.
//!
//! Each action runs as a task of its own, so that one in flight never delays another's. The only caller of
//! [`Platform::change_channel`] for the engine, and only with the journal's receipt. Dropping a task (at the end of the grace time, or by a crash)
//! leaves its operation open in the journal: the next start reads the platform back before it decides anything.

use super::patch;
use super::tags::Insistence;
use crate::clearance::Clearance;
use crate::clock::Clock;
use crate::journal::{Gate, JournalError, Receipt};
use crate::platform::{
    Answer, ChannelChange, ChannelDoc, Class, ErrorClass, Platform, PlatformError, ReadBack, ReadBacks, read_back,
};
use crate::policy::{Action, Observation, OpId, Outcome, Source, Time};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Answers of a cache are no last word, for however long they come.
const OLD: &str = "the platform's answers are older than the change";
/// How long one read-back may take.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// What an executor reports to the driver.
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
    /// What becomes of a tag that is refused for ever.
    pub insistence: Insistence,
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
    /// Waits for the action to be on disk, changes the platform, reads back, and tells the driver what came of it.
    async fn run(self, begun: impl Future<Output = Result<Receipt, JournalError>> + Send) {
        let outcome = match begun.await {
            Ok(receipt) => self.change(Clearance::new(receipt, self.gate.clone())).await,
            Err(error) => Outcome::Withdrawn { why: format!("the action could not be written down: {error}") },
        };
        self.finish(outcome).await;
    }

    /// Waits until what others have sent is answered for, or the action's own gate closes, and then runs.
    pub async fn run_after(
        self,
        others: Vec<CancellationToken>,
        begun: impl Future<Output = Result<Receipt, JournalError>> + Send,
    ) {
        for over in others {
            tokio::select! {
                biased;
                () = over.cancelled() => {}
                () = self.gate.closed(self.clock.now()) => break,
            }
        }
        self.run(begun).await;
    }

    /// Finds out what became of an action that a crash interrupted: reads, never sends.
    pub async fn resolve_orphan(self) {
        let mut reads = ReadBacks::new(&self.clock, Class::Action, self.clock.now());
        // The change may still be on its way into effect: the time to verify starts with the first answer.
        let answered = read_back(&mut reads, async |class| match self.read(class).await {
            Ok(_) => ReadBack::Settled(Ok(())),
            // Should it ever come back, its own looks tell.
            Err(error) if error.class == ErrorClass::NotFound => ReadBack::Settled(Err(error)),
            Err(error) => ReadBack::NotYet { as_of: None, word: Err(error) },
        });
        let outcome = match answered.await {
            Ok(()) => {
                let until = self.clock.now() + self.action.verify_for;
                self.verify(reads, until, Time::ZERO).await
            }
            Err(error) => Outcome::Unknown { why: error.to_string() },
        };
        self.finish(outcome).await;
    }

    async fn change(&self, clearance: Clearance) -> Outcome {
        if let Some(why) = clearance.gate().closed_because(self.clock.now()) {
            return Outcome::Withdrawn { why };
        }
        let tag = match self.tag().await {
            Ok(tag) => tag,
            Err(outcome) => return outcome,
        };
        let body = match patch::body(&self.action.kind, &self.doc) {
            Ok(body) => body,
            Err(why) => return Outcome::Refused { why: format!("nothing was sent: {why}") },
        };
        let id = &self.action.channel.channel;
        let change = ChannelChange { id, body: &body, if_match: tag, class: Class::Action };
        let sent = self.platform.change_channel(&clearance, change, self.action.action_timeout).await;
        match sent {
            Ok(answer) => {
                self.tell_sent(answer.asked_at).await;
                self.verify_since(answer.asked_at).await
            }
            Err(error) => {
                if error.class == ErrorClass::Conflict && tag.is_some() {
                    self.note_refused_tag().await;
                }
                self.after_error(error).await
            }
        }
    }

    /// What goes back as `If-Match`; nothing where that is known to be refused although nobody changed the channel, which is
    /// then read once more.
    async fn tag(&self) -> Result<Option<&str>, Outcome> {
        let channel = &self.action.channel;
        let Some(tag) = self.doc.etag().filter(|_| self.insistence.insists(channel, &self.doc)) else {
            return Ok(self.doc.etag());
        };
        match self.read(Class::Action).await {
            Ok((fresh, _)) if *fresh == *self.doc => {
                tracing::warn!(
                    tag,
                    "the platform refuses its own ETag although nobody changed the channel; sending the change without If-Match"
                );
                Ok(None)
            }
            Ok(_) => Err(Outcome::Conflict),
            Err(error) => Err(Outcome::NotSent { why: error.to_string() }),
        }
    }

    async fn note_refused_tag(&self) {
        if let Ok((fresh, _)) = self.read(Class::Action).await {
            self.insistence.refused(&self.action.channel, &self.doc, &fresh, self.clock.now());
        }
    }

    async fn after_error(&self, error: PlatformError) -> Outcome {
        match error.class {
            ErrorClass::UnknownOutcome => self.verify_since(self.clock.now()).await,
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

    /// Reads back until the platform shows the change or `verify_for` has passed since `from`.
    async fn verify_since(&self, from: Time) -> Outcome {
        let reads = ReadBacks::new(&self.clock, Class::Action, from);
        self.verify(reads, from + self.action.verify_for, self.action.evidence_at).await
    }

    /// Reads back until the platform shows the change or it is `until`. It was not made only where an answer that was asked
    /// for after that still shows the old state; and made only where one of `earliest` or later shows it: what a cache has
    /// kept may be of a time at which somebody else had not yet changed what we set right.
    async fn verify(&self, reads: ReadBacks, until: Time, earliest: Time) -> Outcome {
        let mut reads = reads.until(until);
        let judge = async |class: Class| match self.read(class).await {
            Ok((doc, as_of)) if as_of >= earliest && patch::shows(&self.action.kind, &doc) => {
                let siblings_lost = patch::siblings_lost(&self.action.kind, &self.doc, &doc);
                ReadBack::Settled(Outcome::Applied { siblings_lost })
            }
            Ok((_, as_of)) if as_of >= until => ReadBack::Settled(Outcome::NotApplied),
            Ok((_, as_of)) => ReadBack::NotYet { as_of: Some(as_of), word: Outcome::Unknown { why: OLD.to_owned() } },
            Err(error) => ReadBack::NotYet { as_of: None, word: Outcome::Unknown { why: error.to_string() } },
        };
        read_back(&mut reads, judge).await
    }

    async fn read(&self, class: Class) -> Result<(Arc<ChannelDoc>, Time), PlatformError> {
        let id = &self.action.channel.channel;
        let Answer { value, as_of, .. } = self.platform.channel(id, class, READ_TIMEOUT).await?;
        let doc = Arc::new(value);
        let observation = Observation::Look { asked_at: as_of, source: Source::Single, view: doc.view() };
        self.say(Told::Read { op: self.action.op, observation, doc: Arc::clone(&doc) }).await;
        Ok((doc, as_of))
    }

    async fn tell_sent(&self, at: Time) {
        self.say(Told::Sent { op: self.action.op, latency: at.since(self.action.evidence_at) }).await;
    }

    async fn finish(&self, outcome: Outcome) {
        self.say(Told::Finished { op: self.action.op, outcome }).await;
    }

    async fn say(&self, told: Told) {
        // The driver is gone only at the very end of a stop; its open operation then tells the next start.
        let _ = self.tell.send(told).await;
    }
}
