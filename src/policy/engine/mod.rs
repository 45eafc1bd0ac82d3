//! The engine: what is known of every channel, and what follows from it.
//!
//! Facts and orders come in with their time, commands go out in the order in which they are to be carried out. The same
//! inputs give the same commands: only vectors and ordered sets are walked, never a hash map. A good look at a channel that
//! is up allocates nothing; everything costlier happens only where something changes or is wanted.
//!
//! A public method takes a fact or an order, updates what is known, and touches the channels concerned; then it settles: it
//! evaluates the touched channels, once the fact is taken in completely. The files by what they do:
//!
//! - facts in: `observe` (looks), `doubt` and `weigh` (how far they are believed), `route` (who set the route), `health`,
//!   `sight` (blindness), `quality` (telemetry), `credentials`, `outcome` (of an action);
//! - orders in: `order`, `approval`, `ordered`, `pause`, `maintenance`;
//! - decisions: `settle` (who is evaluated, and when), `decide` (`want`, `choice`: what is wanted), `pursue` (how far
//!   that can be followed now), `failover` (which candidate), `may_change` (what holds back others too), `guards` (whether it may be done), `held` (what is said where it may not), `line` (who is next), `act`, `retry`, `schedule`;
//! - afterwards: `probation` of routes taken for quality, and `quality` of codec orders;
//! - what there is: `configure`, `needs`, `left`, `slots`, `slot`, `parts`, `pending`;
//! - out: `marks`, `state` (what survives a restart, `saved` in its forms), `show`, `watch`.
//!
//! Another writer of ours that sends a channel's routing (provisioning does) reports it by `note_own_change`, with the primary that
//! it sends and until when that may land: such a route is not foreign.
//!
//! Must never: read a clock, act on an error, act without last looks by single `GET`, or act twice on one channel at once.

mod act;
mod approval;
mod choice;
mod configure;
mod credentials;
mod decide;
mod doubt;
mod evidence;
mod failover;
mod find;
mod guards;
mod health;
mod held;
mod left;
mod line;
mod loads;
mod maintenance;
mod marks;
mod may_change;
mod needs;
mod observe;
mod order;
mod ordered;
mod outcome;
mod parts;
mod pause;
mod pending;
mod probation;
mod pursue;
mod quality;
mod retry;
mod route;
mod saved;
mod schedule;
mod settle;
mod show;
mod sight;
mod slot;
mod slots;
mod state;
mod want;
mod watch;
mod weigh;
mod wish;

pub use saved::{Part, Saved, SavedChannel};
pub(in crate::policy) use slot::Slot;
pub(in crate::policy) use want::{Want, Wish};

use super::command::{Action, Command, EventType, Fact, Order, Record, Refusal};
use super::ids::{SlotId, TenantIx};
use super::key::{ChannelId, ChannelKey, TenantId};
use super::observation::Observation;
use super::params::{Params, Windows};
use super::places::Places;
use super::plan::Pace;
use super::reason::Reason;
use super::report::{ChannelReport, TenantReport};
use super::time::Time;
use super::words::{Actor, OpId, Outcome};
use sight::Network;
use slots::{Slots, Tenants};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};
use std::time::Duration;

/// The decision engine. See the module.
#[derive(Debug)]
pub struct Engine {
    pub(super) slots: Slots,
    pub(super) tenants: Tenants,
    params: Params,
    started: bool,
    paused: bool,
    paused_until: Option<Time>,
    windows: BTreeMap<String, Windows>,
    pauses: BTreeSet<(Time, Option<TenantIx>)>,
    places: Places,
    network: Network,
    journal: bool,
    next_op: OpId,
    ops: BTreeMap<OpId, SlotId>,
    strays: BTreeMap<OpId, Action>,
    deadlines: BinaryHeap<Reverse<(Time, SlotId)>>,
    touched: VecDeque<SlotId>,
    changed: Vec<SlotId>,
    gone: Vec<ChannelKey>,
    unsaved: Vec<SlotId>,
    own_unsaved: bool,
    forgotten: Vec<Part>,
    left: left::Shelf,
    seq: u64,
}

impl Engine {
    /// An engine that knows its channels and nothing about them.
    pub fn new(params: Params, now: Time) -> Self {
        let mut engine = Self {
            slots: Slots::default(),
            tenants: Tenants::default(),
            params: Params::default(),
            started: false,
            paused: false,
            paused_until: None,
            windows: BTreeMap::new(),
            pauses: BTreeSet::new(),
            places: Places::default(),
            network: Network::default(),
            journal: true,
            next_op: OpId(1),
            ops: BTreeMap::new(),
            strays: BTreeMap::new(),
            deadlines: BinaryHeap::new(),
            touched: VecDeque::new(),
            changed: Vec::new(),
            gone: Vec::new(),
            unsaved: Vec::new(),
            own_unsaved: false,
            forgotten: Vec::new(),
            left: left::Shelf::default(),
            seq: 0,
        };
        engine.configure(now, params, &mut Vec::new());
        engine
    }

    /// Orders every channel to be watched. Once, after state has been restored.
    pub fn start(&mut self, out: &mut Vec<Command>) {
        self.started = true;
        for i in self.slots.ids() {
            self.refresh_cadence(i, out);
        }
    }

    /// Takes one fact about one channel. Facts about channels that are not watched are ignored.
    pub fn observe(&mut self, now: Time, channel: &ChannelKey, observation: &Observation, out: &mut Vec<Command>) {
        let Some(i) = self.slots.find(channel) else { return };
        self.seq += 1;
        match observation {
            Observation::Look { asked_at, source, view } => self.on_look(now, i, *asked_at, *source, view, out),
            Observation::Missing { asked_at } => self.on_missing(now, i, *asked_at, out),
            Observation::Failed { .. } => self.on_failed(now, i, out),
            Observation::Telemetry(reading) => self.on_telemetry(now, i, reading, out),
        }
        self.settle(now, out);
    }

    /// Takes the outcome of an action. An operation that is not in flight is ignored.
    pub fn outcome(&mut self, now: Time, op: OpId, outcome: Outcome, out: &mut Vec<Command>) {
        self.on_outcome(now, op, outcome, true, out);
        self.settle(now, out);
    }

    /// Replay only: the real daemon never sent this action. Drops it without back-off.
    pub fn disown(&mut self, now: Time, op: OpId, out: &mut Vec<Command>) {
        let why = "the daemon did not do this at that moment".to_owned();
        self.on_outcome(now, op, Outcome::Withdrawn { why }, false, out);
        self.settle(now, out);
    }

    /// Takes a person's order.
    ///
    /// # Errors
    /// [`Refusal`]: who or what it names does not exist, or there is nothing to apply it to. Nothing was changed.
    pub fn operator(&mut self, now: Time, order: &Order, who: &str, out: &mut Vec<Command>) -> Result<(), Refusal> {
        let taken = self.on_order(now, order, who, out);
        self.settle(now, out);
        taken
    }

    /// Does what time alone causes: staleness, blocks that end, looks that were not answered.
    pub fn tick(&mut self, now: Time, out: &mut Vec<Command>) {
        self.lapse_pauses(now, out);
        self.lapse_left(now, out);
        while let Some(&Reverse((at, i))) = self.deadlines.peek() {
            if at > now {
                break;
            }
            self.deadlines.pop();
            if self.slots[i].live && self.slots[i].armed == Some(at) {
                self.slots[i].armed = None;
                self.on_due(now, i, out);
            }
        }
        self.settle(now, out);
    }

    /// When [`Self::tick`] has something to do, at the earliest. `None`: nothing is due.
    pub fn next_deadline(&self) -> Option<Time> {
        let channels = self.deadlines.peek().map(|Reverse((at, _))| *at);
        let pauses = self.pauses.first().map(|(at, _)| *at);
        [channels, pauses, self.places.next_change(), self.left.next_due()].into_iter().flatten().min()
    }

    /// Works by other parameters from now on. A channel that did not change keeps its state, schedule and blocks.
    pub fn reconfigure(&mut self, now: Time, params: Params, out: &mut Vec<Command>) {
        self.configure(now, params, out);
        self.settle(now, out);
    }

    /// The request budget stretches a tenant's looks and telemetry by so much from now on.
    pub fn set_pace(&mut self, now: Time, tenant: &TenantId, pace: Pace, out: &mut Vec<Command>) {
        let Some(t) = self.tenants.find(tenant) else { return };
        let tenant = &mut self.tenants[t];
        if tenant.pace == pace {
            return;
        }
        tenant.pace = pace;
        let longest = tenant.interval();
        tenant.looks.set_interval(now, longest);
        for i in self.slots.ids() {
            if self.slots[i].live && self.slots[i].tenant == t {
                self.slots[i].pace = pace;
                self.stale_check(now, i, out);
                self.arm(now, i);
            }
        }
        self.settle(now, out);
    }

    /// The same, expressed by the stretched value of the longest of its policies' intervals, as older journals have it.
    pub fn set_effective_interval(&mut self, now: Time, tenant: &TenantId, interval: Duration, out: &mut Vec<Command>) {
        let Some(t) = self.tenants.find(tenant) else { return };
        let longest = self.tenants[t].longest.as_secs_f64().max(0.001);
        self.set_pace(now, tenant, Pace::even(interval.as_secs_f64() / longest), out);
    }

    /// How far apart routine looks at a tenant's channels really are, at the longest; `None`: there is no such tenant.
    pub fn effective_interval(&self, tenant: &TenantId) -> Option<Duration> {
        self.tenants.find(tenant).map(|t| self.tenants[t].interval())
    }

    /// So many of the reference targets outside the platforms answer now, of those that ever did; where none of them does,
    /// our own network is down. `of` 0: none is asked, or none has ever answered. Whether that said anything new: if not, it
    /// need not be told again.
    pub fn set_references(&mut self, now: Time, answered: u32, of: u32, out: &mut Vec<Command>) -> bool {
        let news = self.on_references(now, answered, of, out);
        self.settle(now, out);
        news
    }

    /// Which windows of a policy's calendar are open from now on. A policy that was never named has none open.
    pub fn set_windows(&mut self, now: Time, policy: &str, windows: Windows, out: &mut Vec<Command>) {
        self.open_windows(policy, windows, out);
        self.settle(now, out);
    }

    /// Another writer of ours may set this channel's routing to `primary` until `until`, whatever became of its request. A
    /// route that then shows is not taken for someone else's: it is recorded as ours, once, and blocks nothing.
    pub fn note_own_change(&mut self, now: Time, channel: &ChannelKey, primary: &ChannelId, until: Time) {
        self.on_own_change(now, channel, primary, until);
    }

    /// Whether the journal can be written. Without it nothing is changed on any platform.
    pub fn set_journal_writable(&mut self, now: Time, writable: bool, out: &mut Vec<Command>) {
        if self.journal == writable {
            return;
        }
        self.journal = writable;
        if writable {
            let event = EventType::JournalRecovered;
            out.push(Command::Record(record(event, None, None, Actor::System, Reason::JournalWritable)));
        }
        self.touch_all_wanting();
        self.settle(now, out);
    }

    /// The clock jumped or the machine slept: nothing that was known is evidence any more.
    pub fn clock_jumped(&mut self, now: Time, out: &mut Vec<Command>) {
        let event = EventType::ClockJumped;
        out.push(Command::Record(record(event, None, None, Actor::System, Reason::ClockJumped)));
        // All of them first: what follows from one channel's staleness must not lean on another's old answer.
        for slot in self.slots.iter_mut().filter(|slot| slot.live) {
            slot.evidence.asked = slot.evidence.asked.max(Some(now));
            slot.evidence.single = None;
            slot.route.doubts.seen = None;
            slot.action.good_since = None;
        }
        for i in self.slots.ids() {
            if self.slots[i].live {
                self.turn_stale(now, i, out);
            }
        }
        self.settle(now, out);
    }

    /// The next action gets this number, or a greater one.
    pub fn set_next_op(&mut self, next: OpId) {
        self.next_op = self.next_op.max(next);
    }

    /// After a crash: an intent without an outcome. It counts as in flight until [`Self::outcome`] is told of it.
    pub fn adopt_orphan(&mut self, now: Time, action: Action) {
        self.adopt(now, action);
    }

    /// All that is known and decided of a channel.
    pub fn channel(&self, now: Time, key: &ChannelKey) -> Option<ChannelReport> {
        self.slots.find(key).map(|i| self.channel_report(now, i))
    }

    /// Whether a channel is up, not suspect, and at home, with nothing of ours under way or perhaps made: nobody wants to move
    /// its traffic.
    pub fn is_settled_at_home(&self, key: &ChannelKey) -> bool {
        self.slots.find(key).is_some_and(|i| self.slots[i].is_settled_at_home())
    }

    /// Every channel that is watched, in a fixed order.
    pub fn channels(&self) -> impl Iterator<Item = &ChannelKey> {
        self.slots.live().map(|(_, slot)| &slot.key)
    }

    /// All that is known and decided of a tenant.
    pub fn tenant(&self, now: Time, id: &TenantId) -> Option<TenantReport> {
        self.tenants.find(id).map(|t| self.tenant_report(now, t))
    }

    /// Reference targets that answer, and of how many; as last reported.
    pub const fn references(&self) -> (u32, u32) {
        (self.network.answered, self.network.of)
    }

    /// Whether everything is paused.
    pub fn paused(&self) -> bool {
        self.paused
    }

    /// Time left of the pause of everything; `None`: it has no end, or there is none.
    pub fn paused_left(&self, now: Time) -> Option<Duration> {
        self.pause_left(now, [None])
    }

    /// Whether an action in flight may still be sent.
    ///
    /// # Errors
    /// Why it has to be called back.
    pub fn may_send(&self, op: OpId) -> Result<(), Reason> {
        self.may_still_send(op)
    }

    /// The channels whose report changed since the last call; those that are no longer watched are among them.
    pub fn take_changed(&mut self) -> Vec<ChannelKey> {
        let mut keys = std::mem::take(&mut self.gone);
        for i in std::mem::take(&mut self.changed) {
            let slot = &mut self.slots[i];
            if std::mem::take(&mut slot.changed) && slot.live {
                keys.push(slot.key.clone());
            }
        }
        keys
    }

    /// The parts whose persistent state changed since the last call.
    pub fn take_unsaved(&mut self) -> Vec<Part> {
        self.unsaved_parts()
    }

    /// What is kept of channels and tenants that left the configuration, beside the parts of those that are in it.
    pub fn left(&self) -> impl Iterator<Item = Part> {
        self.left_parts()
    }

    /// What has to survive a restart; `None`: nothing, forget what was kept.
    pub fn save(&self, now: Time, part: &Part) -> Option<Saved> {
        self.save_part(now, part)
    }

    /// Takes back what was saved `elapsed` of calendar time ago. Before [`Self::start`].
    pub fn restore(&mut self, now: Time, part: &Part, saved: Saved, elapsed: Duration) {
        self.restore_part(now, part, saved, elapsed);
    }
}

/// A record without values or operation.
pub(super) fn record(
    event: EventType,
    tenant: Option<TenantId>,
    channel: Option<ChannelId>,
    actor: Actor,
    reason: Reason,
) -> Record {
    Record { event, tenant, channel, actor, reason, before: None, after: None, op: None }
}

/// A record of what changed on one channel.
pub(super) fn channel_record(
    key: &ChannelKey,
    event: EventType,
    actor: Actor,
    reason: Reason,
    change: (Option<Fact>, Option<Fact>),
) -> Record {
    let (before, after) = change;
    Record { before, after, ..record(event, Some(key.tenant.clone()), Some(key.channel.clone()), actor, reason) }
}

/// A person, by name.
pub(super) fn person(who: &str) -> Actor {
    Actor::Operator(who.to_owned())
}
