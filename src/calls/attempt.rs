//! One bridge on the platform: counts the legs on the call, sends within the deadline, reads back if the answer is lost.
//!
//! Must never: send again what may have been made, or take silence, in any form, for a failure.

use super::line::Line;
use super::outcome::{Failure, Outcome};
use super::request::Bridge;
use crate::clearance::{Clearance, Permit};
use crate::clock::Clock;
use crate::config::target::Target;
use crate::journal::Receipt;
use crate::platform::{
    BridgeAnswer, BridgeOrder, BridgeWord, CallDoc, Class, ErrorClass, PlatformError, ReadBack, ReadBacks, read_back,
};
use crate::policy::Time;
use std::time::Duration;
use uuid::Uuid;

/// Pauses where the platform does not say how long to wait.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);
const LATE: &str = "its deadline passed before it could be sent";

/// What one attempt needs.
pub struct Attempt<'a> {
    /// The tenant's line.
    pub line: &'a Line,
    /// Time.
    pub clock: &'a Clock,
    /// The bridge.
    pub bridge: &'a Bridge,
    /// Leave to send it.
    pub permit: &'a Permit,
}

impl Attempt<'_> {
    /// Makes the bridge, and finds out what came of it.
    pub async fn run(&self, receipt: Receipt) -> Outcome {
        let deadline = self.clock.now() + self.line.deadline;
        let before = match self.legs_fit(deadline).await {
            Ok(before) => before,
            Err(outcome) => return outcome,
        };
        let body = self.bridge.body();
        let (id, clearance) = (receipt.operation(), Clearance::new(receipt, self.permit.gate().until(deadline, LATE)));
        let mut pause = FIRST_PAUSE;
        loop {
            let order = BridgeOrder { clearance: &clearance, call: self.bridge.call(), body: &body };
            let asked = self.line.control.bridge(order, self.line.timeout).await;
            let error = match asked {
                Ok(answer) => return self.settle(id, before.as_ref(), answer.value).await,
                Err(error) => error,
            };
            match error.class {
                ErrorClass::UnknownOutcome => {
                    return find_out(self.line, self.clock, &self.wanted(id), before.as_ref(), &error.message).await;
                }
                // Known not to have been made: no connection, or over the limit.
                ErrorClass::Retryable => {
                    let wait = error.retry_after.unwrap_or(pause);
                    if self.clock.now() + wait >= deadline {
                        return Outcome::failed(Failure::NotSent, error.message);
                    }
                    tokio::time::sleep(wait).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                class => return Outcome::failed(failure(class), error.message),
            }
        }
    }

    /// What the answer says came of it. A failure is told in its words and never tried again; what is not made yet is read
    /// back, as what has no answer is.
    async fn settle(&self, id: Uuid, before: Option<&CallDoc>, answer: BridgeAnswer) -> Outcome {
        let BridgeAnswer { id: bridge_id, said } = answer;
        match said {
            BridgeWord::Made => Outcome::Completed { bridge_id, read_back: false },
            BridgeWord::Failed(why) => Outcome::failed(Failure::Refused, why),
            BridgeWord::Pending(why) => match find_out(self.line, self.clock, &self.wanted(id), before, &why).await {
                Outcome::Completed { .. } => Outcome::Completed { bridge_id, read_back: true },
                other => other,
            },
        }
    }

    fn wanted(&self, id: Uuid) -> Wanted<'_> {
        Wanted { call: self.bridge.call(), targets: self.bridge.targets(), id }
    }

    /// Counts the legs that are on the call, where the platform tells them; where it does not, it judges itself.
    async fn legs_fit(&self, deadline: Time) -> Result<Option<CallDoc>, Outcome> {
        if !self.line.control.reads_calls() {
            return Ok(None);
        }
        let left = deadline.since(self.clock.now()).min(self.line.timeout);
        let call = match read(self.line, self.bridge.call(), Class::Call, left).await {
            Ok(call) => call,
            Err(Some(error)) if error.class == ErrorClass::NotFound => {
                return Err(Outcome::failed(Failure::CallOver, error.message));
            }
            Err(_) => return Ok(None),
        };
        if call.over {
            return Err(Outcome::failed(Failure::CallOver, "the call is over."));
        }
        let (there, more) = (call.legs.as_ref().map_or(1, Vec::len), self.bridge.targets().len());
        let most = self.line.rules.max_legs;
        if there.saturating_add(more) > most {
            let why = format!("the call has {there} legs and would get {more} more; {most} are allowed");
            return Err(Outcome::failed(Failure::TooManyLegs, why));
        }
        Ok(Some(call))
    }
}

/// The bridge that a call is read back for.
pub struct Wanted<'a> {
    /// The call.
    pub call: &'a str,
    /// Its targets, where they are known.
    pub targets: &'a [Target],
    /// The operation.
    pub id: Uuid,
}

/// Reads the call until it shows the bridge, or the time for that is over; `lost` is how the answer was lost. What the call
/// does not show may still be made, so its absence is no proof.
pub async fn find_out(
    line: &Line,
    clock: &Clock,
    wanted: &Wanted<'_>,
    before: Option<&CallDoc>,
    lost: &str,
) -> Outcome {
    if !line.control.reads_calls() {
        let why = format!("{lost}; without `paths.call` it cannot be read back");
        return Outcome::Unknown { why };
    }
    let until = clock.now() + line.verify_for;
    let mut reads = ReadBacks::new(clock, Class::Call, clock.now()).until(until);
    let look = async |class: Class| {
        // The last one has time for an answer too.
        let within = until.since(clock.now()).max(line.timeout);
        match read(line, wanted.call, class, within).await {
            Ok(call) => judge(&call, wanted, before, lost),
            Err(Some(error)) if error.class == ErrorClass::NotFound => {
                ReadBack::Settled(unknown(lost, "the call is over by now"))
            }
            Err(Some(error)) => not_yet(lost, &format!("the call could not be read back: {}", error.message)),
            Err(None) => not_yet(lost, "the call could not be read back in time"),
        }
    };
    read_back(&mut reads, look).await
}

/// What the call, read back, says of the bridge.
fn judge(call: &CallDoc, wanted: &Wanted<'_>, before: Option<&CallDoc>, lost: &str) -> ReadBack<Outcome> {
    match shows(call, wanted, before) {
        Some(BridgeWord::Made) => ReadBack::Settled(Outcome::Completed { bridge_id: None, read_back: true }),
        Some(BridgeWord::Failed(how)) => {
            let why = format!("{lost}; the call shows that it failed ({how})");
            ReadBack::Settled(Outcome::failed(Failure::Refused, why))
        }
        _ if call.over => ReadBack::Settled(unknown(lost, "the call is over by now, and does not show the bridge")),
        Some(BridgeWord::Pending(how)) => {
            not_yet(lost, &format!("the call was read back and does not show the bridge yet ({how})"))
        }
        None => not_yet(lost, "the call was read back and does not show the bridge"),
    }
}

fn unknown(lost: &str, seen: &str) -> Outcome {
    Outcome::Unknown { why: format!("{lost}; {seen}") }
}

fn not_yet(lost: &str, seen: &str) -> ReadBack<Outcome> {
    ReadBack::NotYet { as_of: None, word: unknown(lost, seen) }
}

/// What the call says of our request, where it names it; or that it is made, where every target is on it now and none of
/// them was before. `None`: it shows nothing of it.
fn shows(call: &CallDoc, wanted: &Wanted<'_>, before: Option<&CallDoc>) -> Option<BridgeWord> {
    let id = wanted.id.to_string();
    if let Some(ours) = call.bridges.iter().flatten().find(|bridge| bridge.request == id) {
        return Some(ours.said.clone());
    }
    let has = |legs: &[(String, String)], target: &Target| {
        legs.iter().any(|(kind, value)| kind == target.kind().name() && value == target.value())
    };
    let (now, then) = (call.legs.as_ref()?, before.and_then(|call| call.legs.as_ref())?);
    let came = !wanted.targets.is_empty() && wanted.targets.iter().all(|target| has(now, target) && !has(then, target));
    came.then_some(BridgeWord::Made)
}

/// One read within `left`, the wait for its turn included; `Err(None)`: its time was over.
async fn read(line: &Line, call: &str, class: Class, left: Duration) -> Result<CallDoc, Option<PlatformError>> {
    match tokio::time::timeout(left, line.control.call(call, class, line.timeout)).await {
        Ok(Ok(answer)) => Ok(answer.value),
        Ok(Err(error)) => Err(Some(error)),
        Err(_) => Err(None),
    }
}

const fn failure(class: ErrorClass) -> Failure {
    match class {
        ErrorClass::NotFound => Failure::CallOver,
        ErrorClass::Conflict => Failure::AlreadyBridged,
        ErrorClass::Forbidden => Failure::Forbidden,
        ErrorClass::NotAuthorised => Failure::NotAuthorised,
        ErrorClass::Withdrawn => Failure::NotSent,
        ErrorClass::Fatal | ErrorClass::Unsupported | ErrorClass::Retryable | ErrorClass::UnknownOutcome => {
            Failure::Refused
        }
    }
}
