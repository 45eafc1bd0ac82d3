//! Reference targets outside the platforms: whether our own network is there, by a TCP connection to each of them.
//!
//! One task, one connection to each target a round, one round an interval; nothing is sent over them. Where none
//! answers, all are tried once more before that is said, so that one lost packet is no outage. A target that has never
//! answered since it was configured says nothing of the network: it is left out of the count, and logged. A connection that
//! is refused counts as no answer.
//!
//! Must never: conclude anything. What silence means is the engine's to say.

use super::dial::{Dialled, Names};
use crate::config::References;
use crate::snapshot::ReferenceReading;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// Rounds that wait for the driver.
const ROUNDS_BOUND: usize = 4;
/// All are tried once more after this, or after one interval where that is shorter.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// The driver's ends of the task that asks.
pub struct Asking {
    /// What to ask from now on.
    pub plan: watch::Sender<References>,
    /// What each round found.
    pub rounds: mpsc::Receiver<Vec<ReferenceReading>>,
}

impl Asking {
    /// Starts to ask; it ends when this is dropped.
    pub fn start(plan: References) -> Self {
        let (tell, rounds) = mpsc::channel(ROUNDS_BOUND);
        let (plan, asked) = watch::channel(plan);
        tokio::spawn(ask(asked, tell));
        Self { plan, rounds }
    }
}

async fn ask(mut plan: watch::Receiver<References>, tell: mpsc::Sender<Vec<ReferenceReading>>) {
    let mut known = BTreeSet::new();
    let (mut names, mut up) = (Names::default(), BTreeSet::new());
    let mut told = false;
    loop {
        let References { targets, interval, timeout } = plan.borrow_and_update().clone();
        known.retain(|target| targets.contains(target));
        if targets.is_empty() {
            // What was reported of earlier targets no longer holds.
            if std::mem::take(&mut told) && tell.send(Vec::new()).await.is_err() {
                return;
            }
            if plan.changed().await.is_err() {
                return;
            }
            continue;
        }
        names.retain(&targets);
        up = round(&mut names, timeout, &up).await;
        if up.is_empty() && !known.is_empty() {
            tokio::time::sleep(AGAIN_AFTER.min(interval)).await;
            up = round(&mut names, timeout, &up).await;
        }
        if !told {
            for target in targets.iter().filter(|target| !up.contains(*target)) {
                tracing::warn!(target, "this reference target does not answer yet; it counts from its first answer on");
            }
        }
        known.extend(up.iter().cloned());
        let reading = |target: &String| ReferenceReading {
            target: target.clone(),
            up: up.contains(target),
            known: known.contains(target),
        };
        told = true;
        if tell.send(targets.iter().map(reading).collect()).await.is_err() {
            return;
        }
        tokio::select! {
            biased;
            changed = plan.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(interval) => {}
        }
    }
}

/// Those that answer; of one that could not be asked stays what was known.
async fn round(names: &mut Names, timeout: Duration, before: &BTreeSet<String>) -> BTreeSet<String> {
    let dialled = names.dial(timeout).await.into_iter();
    let up = dialled.filter(|(target, what)| match what {
        Dialled::Answers => true,
        Dialled::Silent => false,
        Dialled::NotAsked => before.contains(target),
    });
    up.map(|(target, _)| target).collect()
}
