//! Call rescue: the calls that are still on a channel which is down and has failed over are bridged to a target.
//!
//! The contract's bridge names no channel: a new leg goes out the way that the platform routes the channel's new calls. So
//! a rescue begins only once the failover was read back, and stops as soon as the route is another one: what it places
//! goes over the backup. Must never: rescue a call twice (its operation's key is the call, for good), go beyond the
//! policy's caps, or go on once the driver has called its permit back.

mod tally;

use super::order::Refusal;
use super::outcome::Outcome;
use super::record;
use super::request::{GivenTarget, Request};
use super::switchboard::Switchboard;
use crate::clearance::{Change, Permit};
use crate::config::Config;
use crate::journal::Batch;
use crate::platform::CallDoc;
use crate::policy::{ChannelId, ChannelKey, ChannelReport, EventType, Health, Mode, TenantId, Time};
use crate::sync::lock;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tally::Tally;

pub use crate::config::Rescue;

/// Rescues under way at once; more failovers at once are a mass change, which is held. What comes then is told and counted.
const MOST: usize = 64;
/// Pages of a channel's calls that are read; that there are more is told and counted.
const MOST_PAGES: usize = 20;
/// Calls that were listed longer ago are no longer the ones to rescue.
const WITHIN: Duration = Duration::from_mins(10);
const MINUTE: Duration = Duration::from_mins(1);
const STOPPING: &str = "trunkwarden is stopping";

/// A failover that shows on the platform.
#[derive(Clone, Debug)]
pub struct FailedOver {
    /// The channel.
    pub channel: ChannelKey,
    /// Its backup.
    pub to: ChannelId,
    /// Its policy.
    pub policy: String,
    /// The mode in force for it.
    pub mode: Mode,
    /// Its health at that moment.
    pub health: Health,
}

impl FailedOver {
    /// The failover to `to` of the channel that stands as `report` says.
    pub fn of(report: ChannelReport, to: ChannelId) -> Self {
        let ChannelReport { key: channel, policy, mode, health, .. } = report;
        Self { channel, to, policy, mode, health }
    }

    /// Why its calls are better left alone, as it stood at that moment.
    fn needs_no_rescue(&self) -> Option<&'static str> {
        match (self.mode, self.health) {
            (Mode::Propose, _) => Some("its mode is propose"),
            (Mode::Observe, _) => Some("its mode is observe"),
            (Mode::Enforce, Health::Down) => None,
            (Mode::Enforce, Health::Unknown) => Some("not known since the restart whether the channel is down"),
            // Where the channel may still carry media, its calls are better left alone.
            (Mode::Enforce, _) => Some("the channel is not down: its calls can still be heard"),
        }
    }

    /// What the driver is asked for.
    fn change(&self) -> Change {
        Change::Rescue { channel: self.channel.channel.clone(), backup: self.to.clone() }
    }
}

/// Starts rescues. Cheap to clone.
#[derive(Clone)]
pub struct Rescues(Arc<Inner>);

struct Inner {
    board: Switchboard,
    policies: Mutex<BTreeMap<String, Rescue>>,
    /// When calls were rescued in the last minute, by tenant and policy.
    paces: Mutex<BTreeMap<(TenantId, String), VecDeque<Time>>>,
    under_way: Arc<tokio::sync::Semaphore>,
}

impl Rescues {
    /// No policy has a rescue yet.
    pub fn new(board: Switchboard) -> Self {
        let under_way = Arc::new(tokio::sync::Semaphore::new(MOST));
        Self(Arc::new(Inner { board, policies: Mutex::default(), paces: Mutex::default(), under_way }))
    }

    /// Takes the policies of a configuration.
    pub fn configure(&self, config: &Config) {
        let rescue =
            |(name, policy): (&String, &crate::config::Provisioning)| Some((name.clone(), policy.rescue.clone()?));
        let policies = config.provisioning.iter().filter_map(rescue).collect();
        *lock(&self.0.policies) = policies;
    }

    /// A failover was completed: where its policy says so, its calls are rescued, by a task of its own.
    pub fn failed_over(&self, failed: FailedOver) {
        let policies = lock(&self.0.policies);
        let Some(rescue) = policies.get(&failed.policy).cloned() else { return };
        drop(policies);
        if !self.0.board.line(&failed.channel.tenant).is_ok_and(|line| line.control.lists_calls()) {
            return;
        }
        let place = Arc::clone(&self.0.under_way).try_acquire_owned();
        let rescues = self.clone();
        self.0.board.spawn(async move {
            if let Ok(_place) = place {
                rescues.run(&failed, &rescue).await;
            } else {
                let why = format!("{MOST} rescues are already under way, and no more are started");
                rescues.not_begun(&failed, &rescue, "skipped", &why).await;
            }
        });
    }

    /// A rescue that was not begun, and why.
    async fn not_begun(&self, failed: &FailedOver, rescue: &Rescue, result: &str, why: &str) {
        let channel = &failed.channel;
        self.0.board.counters().bridges().rescue_over(channel.tenant.as_str(), result);
        let details = json!({ "target": rescue.target, "backup": failed.to });
        let reason = format!("the calls of {channel} are not rescued: {why}");
        self.tell(EventType::RescueHeld, channel, reason, details).await;
    }

    /// Under a permit, which is called back where the driver no longer allows it; and until a stop.
    async fn run(&self, failed: &FailedOver, rescue: &Rescue) {
        let permit = match failed.needs_no_rescue() {
            Some(why) => Err(why.to_owned()),
            None => self.leave(failed).await,
        };
        let permit = match permit {
            Ok(permit) => Arc::new(permit),
            Err(why) => return self.not_begun(failed, rescue, "held", &why).await,
        };
        let work = self.under(&permit, failed, rescue);
        tokio::pin!(work);
        tokio::select! {
            biased;
            () = &mut work => {}
            () = self.0.board.stopping() => {
                permit.gate().close(STOPPING.to_owned());
                work.await;
            }
        }
    }

    async fn leave(&self, failed: &FailedOver) -> Result<Permit, String> {
        let asked = self.0.board.leave(&failed.channel.tenant, failed.change()).await;
        asked.map_err(|refusal| match refusal {
            Refusal::Held(why) | Refusal::Journal(why) => why,
            _ => STOPPING.to_owned(),
        })
    }

    async fn under(&self, permit: &Arc<Permit>, failed: &FailedOver, rescue: &Rescue) {
        let channel = &failed.channel;
        let counted = |result| self.0.board.counters().bridges().rescue_over(channel.tenant.as_str(), result);
        let (calls, more) = match self.list(failed, rescue).await {
            Ok(listed) => listed,
            Err(why) => {
                counted("unlisted");
                let reason = format!("the calls of {channel} could not be listed: {why}");
                return self.tell(EventType::RescueEnded, channel, reason, json!({ "listed": Value::Null })).await;
            }
        };
        let most = usize::try_from(rescue.max_calls).unwrap_or(usize::MAX);
        let beyond =
            if more { format!(", and more beyond {MOST_PAGES} pages, which are not rescued") } else { String::new() };
        let reason = format!(
            "{} calls on {channel}{beyond}; rescuing at most {} of them, over {}",
            calls.len(),
            rescue.max_calls,
            failed.to
        );
        let details = json!({
            "listed": calls.len(), "more": more, "max_calls": rescue.max_calls,
            "target": rescue.target, "backup": failed.to,
        });
        self.tell(EventType::RescueStarted, channel, reason, details).await;
        let mut tally = Tally { more, ..Tally::default() };
        let calls = self.not_rescued_before(channel, calls, &mut tally).await;
        let until = self.0.board.clock().now() + WITHIN;
        let mut left = calls.iter();
        while tally.begun < most {
            let Some(call) = left.next() else { break };
            self.take_turn(failed, rescue).await;
            tally.stopped = permit.gate().closed_because(self.0.board.clock().now());
            if tally.stopped.is_none() && self.0.board.clock().now() > until {
                tally.stopped = Some("the list of its calls is too old".to_owned());
            }
            if tally.stopped.is_some() {
                tally.left = 1;
                break;
            }
            self.one(failed, rescue, call, permit, &mut tally).await;
        }
        tally.left += left.len();
        counted(tally.result());
        let (reason, details) = (tally.words(channel), tally.details());
        self.tell(EventType::RescueEnded, channel, reason, details).await;
    }

    /// Leaves out calls that were rescued before, so that they take nobody's turn.
    async fn not_rescued_before(&self, channel: &ChannelKey, calls: Vec<CallDoc>, tally: &mut Tally) -> Vec<CallDoc> {
        let mut fresh = Vec::new();
        for call in calls {
            if self.0.board.rescued_before(&channel.tenant, &call.id).await {
                tally.skipped += 1;
                self.0.board.counters().bridges().rescue(channel.tenant.as_str(), "skipped");
            } else {
                fresh.push(call);
            }
        }
        fresh
    }

    async fn one(&self, failed: &FailedOver, rescue: &Rescue, call: &CallDoc, permit: &Arc<Permit>, tally: &mut Tally) {
        let request = request(rescue);
        let label = match self.0.board.rescue(&failed.channel, &call.id, &request, Arc::clone(permit)).await {
            Ok(settled) => {
                tally.begun += 1;
                match settled.outcome {
                    Outcome::Completed { .. } => tally.made += 1,
                    Outcome::Failed { .. } => tally.failed += 1,
                    Outcome::Unknown { .. } => tally.unknown += 1,
                }
                settled.outcome.label()
            }
            Err(why) => {
                tally.skipped += 1;
                if why != Refusal::RescuedBefore {
                    tracing::warn!(channel = %failed.channel, call = call.id.escape_debug().to_string(), %why, "a call is not rescued");
                }
                "skipped"
            }
        };
        self.0.board.counters().bridges().rescue(failed.channel.tenant.as_str(), label);
    }

    /// The calls to rescue, still on and of a direction that the policy names; and whether there are more pages.
    async fn list(&self, failed: &FailedOver, rescue: &Rescue) -> Result<(Vec<CallDoc>, bool), String> {
        let line = self.0.board.line(&failed.channel.tenant).map_err(|refusal| refusal.to_string())?;
        let (mut calls, mut page) = (Vec::new(), None);
        for _ in 0..MOST_PAGES {
            let ask = line.control.calls(&failed.channel.channel, page.as_deref(), line.timeout);
            let answer = match tokio::time::timeout(line.deadline, ask).await {
                Ok(answer) => answer.map_err(|error| error.to_string())?.value,
                Err(_) => return Err("its turn did not come in time".to_owned()),
            };
            let wanted = |call: &CallDoc| {
                !call.over && call.direction.as_ref().is_some_and(|direction| rescue.directions.contains(direction))
            };
            calls.extend(answer.calls.into_iter().filter(wanted));
            page = answer.next;
            if page.is_none() {
                break;
            }
        }
        Ok((calls, page.is_some()))
    }

    /// Waits until one more call in this minute is within the policy's cap.
    async fn take_turn(&self, failed: &FailedOver, rescue: &Rescue) {
        loop {
            let now = self.0.board.clock().now();
            let wait = {
                let mut paces = lock(&self.0.paces);
                let pace = paces.entry((failed.channel.tenant.clone(), failed.policy.clone())).or_default();
                while pace.front().is_some_and(|at| *at + MINUTE <= now) {
                    pace.pop_front();
                }
                match pace.front() {
                    Some(first) if pace.len() >= usize::try_from(rescue.per_minute).unwrap_or(usize::MAX) => {
                        (*first + MINUTE).since(now)
                    }
                    _ => {
                        pace.push_back(now);
                        return;
                    }
                }
            };
            tokio::time::sleep(wait).await;
        }
    }

    async fn tell(&self, event: EventType, channel: &ChannelKey, reason: String, details: Value) {
        tracing::info!(%channel, "{reason}");
        let entry = record::of_rescue(self.0.board.clock().wall(), event, channel, reason, details);
        let batch = Batch { entries: vec![entry], ..Batch::default() };
        if let Err(error) = self.0.board.journal().submit(batch).await {
            tracing::error!(%error, "could not write an entry about a rescue");
        }
    }
}

/// One call handed over to the policy's target.
fn request(rescue: &Rescue) -> Request {
    let (kind, value) = rescue.target.split_once(':').unwrap_or(("phone", &rescue.target));
    Request {
        targets: vec![GivenTarget { kind: kind.to_owned(), value: value.to_owned() }],
        direction: "transfer".to_owned(),
        matrix: None,
        dtmf: None,
    }
}
