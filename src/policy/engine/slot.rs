//! The engine's state of one channel, and questions about it that need nothing else.

use super::super::channel::Event;
use super::super::command::{ActionKind, Cadence};
use super::super::hold::Hold;
use super::super::ids::{SlotId, TenantIx};
use super::super::key::{ChannelId, ChannelKey};
use super::super::mass::Group;
use super::super::params::{Policy, Windows};
use super::super::plan::Pace;
use super::super::reason::Reason;
use super::super::time::Time;
use super::super::trial::{CodecTrial, Timed, Verdict};
use super::super::words::Health;
pub(in crate::policy) use super::parts::Single;
use super::parts::{Actions, CodecOrder, Evidence, Route, Telemetry};
pub(in crate::policy) use super::pending::{Approved, Flight, Kept, Ordered, Unsure};
use super::want::Wish;
use std::sync::Arc;
use std::time::Duration;

/// A channel: what it is, what is watched of it (`evidence`, `telemetry`), and what is steered (`route`, `codec`, `action`).
#[derive(Debug)]
pub(in crate::policy) struct Slot {
    pub key: ChannelKey,
    pub live: bool,
    pub tenant: TenantIx,
    pub configured: bool,
    pub policy: Arc<Policy>,
    /// Its backups as configured; `None`: as the platform says.
    pub listed: Option<Vec<ChannelId>>,
    /// What it fails together with, as configured.
    pub carrier: Option<String>,
    /// Its backups in order.
    pub candidates: Vec<SlotId>,
    /// Every channel that it needs to be watched: backups, and where its traffic goes.
    pub needs: Vec<SlotId>,
    /// Every channel that needs it.
    pub users: Vec<SlotId>,
    /// What of its policy's calendar is open.
    pub windows: Windows,
    /// By how much the request budget stretches its intervals.
    pub pace: Pace,
    pub cadence: Option<Cadence>,
    pub suspect: bool,
    pub evidence: Evidence,
    pub telemetry: Telemetry,
    pub route: Route,
    pub codec: CodecOrder,
    pub action: Actions,
    pub reason: Reason,
    pub changed: bool,
    pub unsaved: bool,
    pub armed: Option<Time>,
    /// It is evaluated before the engine returns from the current fact.
    pub touched: bool,
}

impl Slot {
    /// How many changes to this target, home included, failed in this episode.
    pub(in crate::policy) fn tried(&self, now: Time, target: &ChannelId) -> u32 {
        self.action.retries.tried(now, target, self.policy.failover.block_period)
    }

    pub(in crate::policy) fn new(now: Time, key: ChannelKey, tenant: TenantIx, policy: Arc<Policy>) -> Self {
        Self {
            key,
            live: true,
            tenant,
            configured: false,
            listed: None,
            carrier: None,
            candidates: Vec::new(),
            needs: Vec::new(),
            users: Vec::new(),
            windows: Windows::default(),
            pace: Pace::default(),
            cadence: None,
            suspect: false,
            evidence: Evidence::new(now),
            telemetry: Telemetry::new(now, &policy),
            route: Route::default(),
            codec: CodecOrder::default(),
            action: Actions::default(),
            reason: Reason::NotSeen,
            changed: false,
            unsaved: false,
            armed: None,
            touched: false,
            policy,
        }
    }

    pub(in crate::policy) fn id(&self) -> &ChannelId {
        &self.key.channel
    }

    /// What it fails together with; `i` is its place.
    pub(in crate::policy) fn group(&self, i: SlotId) -> Group {
        let server = || self.evidence.server.as_ref().map(|(server, _)| Group::Server(server.clone()));
        self.carrier.clone().map(Group::Carrier).or_else(server).unwrap_or(Group::Own(i))
    }

    pub(in crate::policy) const fn health(&self) -> Health {
        self.evidence.machine.health()
    }

    pub(in crate::policy) fn away(&self) -> bool {
        self.route.read.as_ref().is_some_and(|route| *route != self.key.channel)
    }

    pub(in crate::policy) fn last_bad(&self) -> bool {
        self.evidence.verdict == Some(Event::Bad)
    }

    /// The platform has no such channel. Where such an answer comes between bad looks, one of several nodes may not know it:
    /// it has to be said as often as a channel has to be bad.
    pub(in crate::policy) fn gone(&self) -> bool {
        let failing = self.last_bad() && self.evidence.machine.bads() > 0;
        self.evidence.missing && (!failing || self.evidence.missing_looks >= self.policy.health.fall)
    }

    /// Its reason while the platform says that it has no such channel.
    pub(in crate::policy) fn missing_reason(&self) -> Reason {
        let fall = self.policy.health.fall;
        Reason::Missing { looks: self.evidence.missing_looks, fall, carries: self.route.carries }
    }

    /// Where an action that is under way, or may have been made, points to.
    pub(in crate::policy) fn pending_to(&self) -> Option<&ChannelId> {
        let kind =
            self.action.flight.as_ref().map(|f| &f.action.kind).or(self.action.unsure.as_ref().map(|u| &u.kept.kind));
        match kind? {
            ActionKind::Failover { to, .. } => Some(to),
            ActionKind::Failback { .. } | ActionKind::Codec { .. } => None,
        }
    }

    /// Up, not suspect, and at home, with nothing under way or perhaps made.
    pub(in crate::policy) fn is_settled_at_home(&self) -> bool {
        let at_home = self.route.read.as_ref() == Some(&self.key.channel);
        at_home && self.health() == Health::Up && !self.suspect && self.pending().is_none()
    }

    /// The action that is under way, or may have been made.
    pub(in crate::policy) fn pending(&self) -> Option<&'static str> {
        let flight = self.action.flight.as_ref().map(|f| f.action.kind.name());
        flight.or(self.action.unsure.as_ref().map(|u| u.kept.kind.name()))
    }

    /// When the proposal that waits for approval lapses.
    pub(in crate::policy) fn proposal_until(&self) -> Option<Time> {
        let proposed = self.action.wish.as_ref().and_then(|wish| wish.proposed)?;
        matches!(self.action.held, Some(Hold::Propose)).then(|| proposed + self.policy.propose_for.0)
    }

    /// The approval that has not lapsed at `now`.
    pub(in crate::policy) fn approved_at(&self, now: Time) -> Option<&Approved> {
        self.action.approved.as_ref().filter(|approved| now < approved.until)
    }

    /// Whether a person's order passes over blocks and limits.
    pub(in crate::policy) fn forced(&self) -> bool {
        self.action.ordered.as_ref().is_some_and(|ordered| ordered.force)
    }

    /// Neither acted on nor a candidate.
    pub(in crate::policy) fn in_maintenance(&self) -> bool {
        self.action.maintenance.is_some() || (self.configured && self.windows.maintenance)
    }

    /// Whether a good look can change nothing but its age: most looks of most channels.
    pub(in crate::policy) fn quiet(&self) -> bool {
        self.action.wish.is_none()
            && self.action.flight.is_none()
            && self.action.unsure.is_none()
            && !self.suspect
            && !self.route.doubts.any()
            && self.evidence.verdict == Some(Event::Good)
            && self.reason == Reason::Fine
            && self.telemetry.low_since.is_none()
            && self.telemetry.degraded_since.is_none()
            && self.pending_trial().is_none()
            && self.action.maintenance.is_none()
            && self.codec.first.is_none()
            && !self.away()
    }

    /// The codec order that is being measured.
    pub(in crate::policy) fn pending_trial(&self) -> Option<&Timed<CodecTrial>> {
        self.codec.trial.as_deref().filter(|trial| trial.of.verdict.is_none())
    }

    /// The codec order that telemetry still has a say on: being measured, or measured worse and not put back yet.
    pub(in crate::policy) fn open_trial(&self) -> Option<&Timed<CodecTrial>> {
        self.codec.trial.as_deref().filter(|trial| matches!(trial.of.verdict, None | Some(Verdict::Worse { .. })))
    }

    /// Whether telemetry was asked for since its last action showed.
    pub(in crate::policy) fn measured_since_change(&self) -> bool {
        self.action
            .changed_at
            .is_none_or(|changed| self.telemetry.window.asked_at().is_some_and(|asked| asked >= changed))
    }

    /// The codec that calls are expected to use: the first by priority.
    pub(in crate::policy) fn codec_in_use(&self) -> Option<&str> {
        self.evidence.codecs.iter().min_by_key(|codec| codec.priority).map(|codec| codec.name.as_str())
    }

    /// How long an answer may serve as a last look.
    pub(in crate::policy) fn last_look_for(&self) -> Duration {
        let health = &self.policy.health;
        (health.timeout * 2 + health.fast_interval).max(health.interval)
    }

    /// When a last look that did not come is asked for again.
    pub(in crate::policy) fn look_again_after(&self) -> Duration {
        if self.action.no_candidate { self.policy.health.interval } else { self.policy.health.fast_interval }
    }

    /// Whether a single look confirms `wish`: asked for and answered after it arose, and not long ago.
    pub(in crate::policy) fn confirms(&self, now: Time, wish: &Wish, age: Duration) -> Option<&Single> {
        self.evidence
            .single
            .as_ref()
            .filter(|single| single.seq > wish.seq && single.asked >= wish.since && now.since(single.asked) <= age)
    }
}
