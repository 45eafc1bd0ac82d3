//! All that the engine holds of one channel, and questions about it that need nothing else.

use super::super::channel::{Event, Machine};
use super::super::command::{ActionKind, Cadence};
use super::super::hold::Hold;
use super::super::hold_down::HoldDown;
use super::super::ids::{SlotId, TenantIx};
use super::super::key::{ChannelId, ChannelKey};
use super::super::mass::Group;
use super::super::observation::{AuthenticationSeen, Codec};
use super::super::params::{Policy, Windows};
use super::super::plan::Pace;
use super::super::reason::{Cause, Reason};
use super::super::score::Quality;
use super::super::time::Time;
use super::super::trial::{CodecTrial, Probation, Refutations, Timed, Verdict};
use super::super::window::{Summary, Window};
use super::super::words::Health;
use super::doubt::Doubts;
pub(in crate::policy) use super::pending::{Approved, Flight, Kept, Ordered, Unsure};
use super::retry::Retries;
use super::want::Wish;
use std::sync::Arc;
use std::time::Duration;

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
    /// Its SIP server as read, and whether the channel itself was asked for it.
    pub server: Option<(String, bool)>,
    /// Its backups in order.
    pub candidates: Vec<SlotId>,
    /// Every channel that it needs to be watched: backups, and where its traffic goes.
    pub needs: Vec<SlotId>,
    /// Every channel that needs it.
    pub users: Vec<SlotId>,
    pub cadence: Option<Cadence>,
    pub suspect: bool,
    /// Evidence.
    pub machine: Machine,
    /// By how much the request budget stretches its intervals.
    pub pace: Pace,
    pub verdict: Option<Event>,
    pub missing: bool,
    /// Answers in a row that the platform has no such channel.
    pub missing_looks: u32,
    pub fresh: bool,
    pub asked: Option<Time>,
    pub evidence: Option<Time>,
    pub single: Option<Single>,
    pub bad_since: Option<Time>,
    pub status: Option<String>,
    pub backups_read: Vec<ChannelId>,
    pub codecs: Vec<Codec>,
    /// Its route.
    pub route: Option<ChannelId>,
    /// Whether the channel itself was asked, and what it says of its route cannot be read.
    pub route_unread: bool,
    pub expected: Option<ChannelId>,
    pub route_ours: bool,
    pub foreign: bool,
    pub moved_for: Option<Cause>,
    /// Whether `active` may be but the echo of our own PATCH.
    pub echo: bool,
    /// Routes and codecs asked for earlier speak of a time before our last action ended.
    pub route_from: Time,
    pub doubted_at: Option<Time>,
    pub doubts: Doubts,
    /// Others whose traffic it carries or is about to.
    pub carries: u32,
    /// Slots whose load includes this channel: its current target, and the target of an action in flight.
    pub loads: [Option<SlotId>; 2],
    /// Its actions.
    pub flight: Option<Flight>,
    pub unsure: Option<Unsure>,
    /// Actions that had not shown when their time was over, and until when each may still show as ours.
    pub late: Vec<(Kept, Time)>,
    /// Where other writers of ours may have put its route, and until when such a change may land.
    pub own_changes: Vec<(ChannelId, Time)>,
    pub blocked_until: Option<Time>,
    pub hold_down: Option<HoldDown>,
    pub retries: Retries,
    pub approved: Option<Approved>,
    pub ordered: Option<Ordered>,
    /// What of its policy's calendar is open.
    pub windows: Windows,
    /// A maintenance that a person started: when it ends, and why.
    pub maintenance: Option<(Time, String)>,
    /// Its quality.
    pub window: Window,
    pub summary: Option<Summary>,
    pub quality: Option<Quality>,
    pub quality_at: Time,
    pub low_since: Option<Time>,
    pub fine_since: Option<Time>,
    pub codec_until: Option<Time>,
    pub codecs_first: Option<Vec<Codec>>,
    pub codecs_set: Option<Vec<Codec>>,
    /// Its credentials as last read alone; and as read before the codec change that has not shown yet, where there were any.
    pub credentials: Option<AuthenticationSeen>,
    pub credentials_before: Option<AuthenticationSeen>,
    /// Since when its score is too far below what is usual for it.
    pub degraded_since: Option<Time>,
    /// When its last action showed: decisions for the sake of quality rest on telemetry that was asked for later.
    pub changed_at: Option<Time>,
    /// The codec order of ours that it has, measured or not yet.
    pub trial: Option<Box<Timed<CodecTrial>>>,
    /// When telemetry last told that it is worse than the one before.
    pub worse_at: Option<Time>,
    pub refuted: Refutations,
    /// Its route, while that has to prove itself.
    pub probation: Option<Box<Timed<Probation>>>,
    /// Its last evaluation.
    pub good_since: Option<Time>,
    pub wish: Option<Wish>,
    /// What was proposed in vain and is wanted still.
    pub lapsed: Vec<Wish>,
    pub held: Option<Hold>,
    pub no_candidate: bool,
    pub reason: Reason,
    pub changed: bool,
    pub unsaved: bool,
    pub armed: Option<Time>,
}

/// The last answer to a look at it alone.
#[derive(Clone, Copy, Debug)]
pub(in crate::policy) struct Single {
    pub asked: Time,
    pub seq: u64,
    /// `None`: its status was no evidence.
    pub verdict: Option<Event>,
}

impl Slot {
    /// How many changes to this target, home included, failed in this episode.
    pub(in crate::policy) fn tried(&self, now: Time, target: &ChannelId) -> u32 {
        self.retries.tried(now, target, self.policy.failover.block_period)
    }

    pub(in crate::policy) fn new(now: Time, key: ChannelKey, tenant: TenantIx, policy: Arc<Policy>) -> Self {
        let window = Window::new(&policy.telemetry);
        Self {
            key,
            live: true,
            tenant,
            configured: false,
            policy,
            listed: None,
            carrier: None,
            server: None,
            candidates: Vec::new(),
            needs: Vec::new(),
            users: Vec::new(),
            cadence: None,
            suspect: false,
            machine: Machine::new(now),
            pace: Pace::default(),
            verdict: None,
            missing: false,
            missing_looks: 0,
            fresh: false,
            asked: None,
            evidence: None,
            single: None,
            bad_since: None,
            status: None,
            backups_read: Vec::new(),
            codecs: Vec::new(),
            route: None,
            route_unread: false,
            expected: None,
            route_ours: false,
            foreign: false,
            moved_for: None,
            echo: false,
            route_from: Time::ZERO,
            doubted_at: None,
            doubts: Doubts::default(),
            carries: 0,
            loads: [None; 2],
            flight: None,
            unsure: None,
            late: Vec::new(),
            own_changes: Vec::new(),
            blocked_until: None,
            hold_down: None,
            retries: Retries::default(),
            approved: None,
            ordered: None,
            windows: Windows::default(),
            maintenance: None,
            window,
            summary: None,
            quality: None,
            quality_at: now,
            low_since: None,
            fine_since: None,
            codec_until: None,
            codecs_first: None,
            codecs_set: None,
            credentials: None,
            credentials_before: None,
            degraded_since: None,
            changed_at: None,
            trial: None,
            worse_at: None,
            refuted: Refutations::default(),
            probation: None,
            good_since: None,
            wish: None,
            lapsed: Vec::new(),
            held: None,
            no_candidate: false,
            reason: Reason::NotSeen,
            changed: false,
            unsaved: false,
            armed: None,
        }
    }

    pub(in crate::policy) fn id(&self) -> &ChannelId {
        &self.key.channel
    }

    /// What it fails together with; `i` is its place.
    pub(in crate::policy) fn group(&self, i: SlotId) -> Group {
        let server = || self.server.as_ref().map(|(server, _)| Group::Server(server.clone()));
        self.carrier.clone().map(Group::Carrier).or_else(server).unwrap_or(Group::Own(i))
    }

    pub(in crate::policy) const fn health(&self) -> Health {
        self.machine.health()
    }

    pub(in crate::policy) fn away(&self) -> bool {
        self.route.as_ref().is_some_and(|route| *route != self.key.channel)
    }

    pub(in crate::policy) fn last_bad(&self) -> bool {
        self.verdict == Some(Event::Bad)
    }

    /// What is told of it while the platform says that it has no such channel.
    pub(in crate::policy) fn missing_reason(&self) -> Reason {
        let fall = self.policy.health.fall;
        Reason::Missing { looks: self.missing_looks, fall, carries: self.carries }
    }

    /// Where an action that is under way, or may have been made, points to.
    pub(in crate::policy) fn pending_to(&self) -> Option<&ChannelId> {
        let kind = self.flight.as_ref().map(|f| &f.action.kind).or(self.unsure.as_ref().map(|u| &u.kept.kind));
        match kind? {
            ActionKind::Failover { to, .. } => Some(to),
            ActionKind::Failback { .. } | ActionKind::Codec { .. } => None,
        }
    }

    /// Up, not suspect, and at home, with nothing under way or perhaps made.
    pub(in crate::policy) fn is_settled_at_home(&self) -> bool {
        let at_home = self.route.as_ref() == Some(&self.key.channel);
        at_home && self.health() == Health::Up && !self.suspect && self.pending().is_none()
    }

    /// The action that is under way, or may have been made.
    pub(in crate::policy) fn pending(&self) -> Option<&'static str> {
        let flight = self.flight.as_ref().map(|f| f.action.kind.name());
        flight.or(self.unsure.as_ref().map(|u| u.kept.kind.name()))
    }

    /// When the proposal that waits for approval lapses.
    pub(in crate::policy) fn proposal_until(&self) -> Option<Time> {
        let proposed = self.wish.as_ref().and_then(|wish| wish.proposed)?;
        matches!(self.held, Some(Hold::Propose)).then(|| proposed + self.policy.propose_for.0)
    }

    /// The approval that has not lapsed at `now`.
    pub(in crate::policy) fn approved_at(&self, now: Time) -> Option<&Approved> {
        self.approved.as_ref().filter(|approved| now < approved.until)
    }

    /// Whether a person's order passes over blocks and caps.
    pub(in crate::policy) fn forced(&self) -> bool {
        self.ordered.as_ref().is_some_and(|ordered| ordered.force)
    }

    /// Neither acted on nor a candidate.
    pub(in crate::policy) fn in_maintenance(&self) -> bool {
        self.maintenance.is_some() || (self.configured && self.windows.maintenance)
    }

    /// Whether a good look can change nothing but its age: most looks of most channels.
    pub(in crate::policy) fn quiet(&self) -> bool {
        self.wish.is_none()
            && self.flight.is_none()
            && self.unsure.is_none()
            && !self.suspect
            && !self.doubts.any()
            && self.verdict == Some(Event::Good)
            && self.reason == Reason::Fine
            && self.low_since.is_none()
            && self.degraded_since.is_none()
            && self.pending_trial().is_none()
            && self.maintenance.is_none()
            && self.codecs_first.is_none()
            && !self.away()
    }

    /// The codec order that is being measured.
    pub(in crate::policy) fn pending_trial(&self) -> Option<&Timed<CodecTrial>> {
        self.trial.as_deref().filter(|trial| trial.of.verdict.is_none())
    }

    /// The codec order that telemetry still has a say on: being measured, or measured worse and not put back yet.
    pub(in crate::policy) fn open_trial(&self) -> Option<&Timed<CodecTrial>> {
        self.trial.as_deref().filter(|trial| matches!(trial.of.verdict, None | Some(Verdict::Worse { .. })))
    }

    /// Whether telemetry was asked for since its last action showed.
    pub(in crate::policy) fn measured_since_change(&self) -> bool {
        self.changed_at.is_none_or(|changed| self.window.asked_at().is_some_and(|asked| asked >= changed))
    }

    /// The codec that calls are expected to use: the first by priority.
    pub(in crate::policy) fn codec_in_use(&self) -> Option<&str> {
        self.codecs.iter().min_by_key(|codec| codec.priority).map(|codec| codec.name.as_str())
    }

    /// How long an answer may serve as a last look.
    pub(in crate::policy) fn last_look_for(&self) -> Duration {
        let health = &self.policy.health;
        (health.timeout * 2 + health.fast_interval).max(health.interval)
    }

    /// When a last look that did not come is asked for again.
    pub(in crate::policy) fn look_again_after(&self) -> Duration {
        if self.no_candidate { self.policy.health.interval } else { self.policy.health.fast_interval }
    }

    /// Whether a single look confirms `wish`: asked for and answered after it arose, and not long ago.
    pub(in crate::policy) fn confirms(&self, now: Time, wish: &Wish, age: Duration) -> Option<&Single> {
        self.single
            .as_ref()
            .filter(|single| single.seq > wish.seq && single.asked >= wish.since && now.since(single.asked) <= age)
    }
}
