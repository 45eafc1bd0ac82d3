//! The form of the state that survives a restart: whose it is, what is kept of each, and a channel's state saved and restored.
//! It never holds a monotonic time, which starts anew with each process: ages and remaining times are kept instead.

use super::super::hold_down::{HoldDown, decayed};
use super::super::hour::HOUR;
use super::super::key::{ChannelId, ChannelKey, TenantId};
use super::super::observation::{AuthenticationSeen, Codec};
use super::super::reason::Cause;
use super::super::time::Time;
use super::super::trial::{CodecTrial, Probation, Refutations, SavedRefutations, SavedTimed, Timed};
use super::super::window::SavedBaseline;
use super::doubt::{MAX_REPLACED, Replaced};
use super::outcome::{LATE_FOR, MAX_LATE};
use super::retry::{Retries, Retry};
use super::route::MAX_NOTICED;
use super::slot::{Kept, Ordered, Slot, Unsure};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Whose state it is. Shown and parsed as `engine`, `tenant/NAME` or `channel/TENANT/ID` (an id may hold slashes).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The engine's own.
    Engine,
    /// A tenant's.
    Tenant(TenantId),
    /// A channel's.
    Channel(ChannelKey),
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Engine => f.write_str("engine"),
            Self::Tenant(tenant) => write!(f, "tenant/{tenant}"),
            Self::Channel(key) => write!(f, "channel/{}/{}", key.tenant, key.channel),
        }
    }
}

impl FromStr for Part {
    type Err = String;

    /// # Errors
    /// A sentence: the text is none of the three forms.
    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = match text.split_once('/') {
            None if text == "engine" => Some(Self::Engine),
            Some(("tenant", name)) if !name.is_empty() => Some(Self::Tenant(TenantId::from(name))),
            Some(("channel", rest)) => {
                rest.split_once('/').map(|(tenant, id)| Self::Channel(ChannelKey::new(tenant, id)))
            }
            _ => None,
        };
        parsed.ok_or_else(|| {
            format!("`{text}` is not a state key: expected `engine`, `tenant/NAME` or `channel/TENANT/ID`")
        })
    }
}

/// The state of one part, as of the moment it was saved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "part", rename_all = "snake_case")]
pub enum Saved {
    /// The engine's own.
    Engine {
        /// Whether everything was paused.
        paused: bool,
        /// For how much longer; `None`: until resumed.
        #[serde(default)]
        paused_for: Option<Duration>,
    },
    /// A tenant's.
    Tenant {
        /// Whether it was paused.
        paused: bool,
        /// For how much longer; `None`: until resumed.
        #[serde(default)]
        paused_for: Option<Duration>,
        /// Whether because something else steers it.
        #[serde(default)]
        other_controller: bool,
        /// For how long it has been out of the file; `None`: it is in it.
        #[serde(default)]
        left_for: Option<Duration>,
        /// Ages of the last hour's actions.
        actions: Vec<Duration>,
        /// Ages of outside reversals of our routes.
        reversals: Vec<Duration>,
        /// Whether a codec change has shown that the platform keeps credentials.
        #[serde(default)]
        keeps_credentials: bool,
        /// Channels whose credentials a codec change lost, and which nobody has acknowledged.
        #[serde(default)]
        credentials_lost: Vec<ChannelId>,
    },
    /// A channel's.
    Channel(Box<SavedChannel>),
}

/// What is kept of a channel.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SavedChannel {
    expected: Option<ChannelId>,
    route_ours: bool,
    foreign: bool,
    moved_for: Option<Cause>,
    echo: bool,
    blocked_for: Option<Duration>,
    /// The penalty of the last move, and how long ago that was.
    hold_down: Option<(Duration, Duration)>,
    suppressed: bool,
    /// For each purpose (rescue, failback, codec): attempts that failed in a row, and how long the next has to wait.
    retries: [(u32, Option<Duration>); 3],
    /// For each purpose: decisions that were called back, and how long ago the last attempt ended.
    retried: [(u32, Option<Duration>); 3],
    /// Targets of changes that failed in this episode, and how often.
    tried: Vec<(ChannelId, u32)>,
    codec_cooldown: Option<Duration>,
    codecs_first: Option<Vec<Codec>>,
    codecs_set: Option<Vec<Codec>>,
    /// An action whose outcome was unknown, and how long its old state still means nothing.
    unsure: Option<(Kept, Duration)>,
    /// As older versions wrote it: one alone.
    late: Option<Kept>,
    late_for: Option<Duration>,
    /// Actions that had not shown, and for how much longer each may still show as ours.
    lates: Vec<(Kept, Duration)>,
    /// What our last changes replaced, and for how much longer that is nobody's change.
    replaced: Vec<(Replaced, Duration)>,
    /// Ages of reversals that happened nobody knows when.
    noticed: Vec<Duration>,
    /// Routes that other writers of ours may have sent, and for how much longer such a change may land.
    own_changes: Vec<(ChannelId, Duration)>,
    /// How long a maintenance that a person started goes on, and why.
    maintenance: Option<(Duration, String)>,
    trial: Option<SavedTimed<CodecTrial>>,
    refuted: SavedRefutations,
    probation: Option<SavedTimed<Probation>>,
    baseline: Option<SavedBaseline>,
    /// For how long it has been out of the file, and how much older everything else is; `None`: it is in it.
    left: Option<(Duration, Duration)>,
    /// Its SIP server, as a single look showed.
    sip_server: Option<String>,
    /// A person's order that has not been carried out, and for how much longer it may be.
    ordered: Option<SavedOrder>,
    /// Its credentials as they stood before the codec change that has not shown yet.
    credentials_before: Option<AuthenticationSeen>,
}

/// A person's order to move a channel's traffic.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct SavedOrder {
    to: Option<ChannelId>,
    force: bool,
    who: String,
    left: Duration,
}

impl SavedChannel {
    /// Whether it says nothing that would not be known without it.
    pub(super) fn is_plain(&self, own: &ChannelId) -> bool {
        let plain = Self { expected: self.expected.clone(), ..Self::default() };
        self.expected.as_ref().is_none_or(|route| route == own) && *self == plain
    }

    /// For how long it has been out of the file, and how much older the rest is.
    pub(super) fn take_left(&mut self) -> (Option<Duration>, Duration) {
        self.left.take().map_or((None, Duration::ZERO), |(out_for, older)| (Some(out_for), older))
    }

    pub(super) fn with_left(self, out_for: Duration, older: Duration) -> Self {
        Self { left: Some((out_for, older)), ..self }
    }

    /// Only what a person ordered.
    pub(super) fn ordered_only(self) -> Self {
        Self { maintenance: self.maintenance, ..Self::default() }
    }

    /// An action of ours may still show, for an hour; `age`: how old this is.
    pub(super) fn may_show_late(&mut self, kept: Kept, age: Duration) {
        self.lates.push((kept, LATE_FOR + age));
        let over = self.lates.len().saturating_sub(MAX_LATE);
        self.lates.drain(..over);
    }

    pub(super) fn maintenance_left(&self) -> Option<Duration> {
        self.maintenance.as_ref().map(|(left, _)| *left)
    }

    pub(super) fn maintenance_reason(&self) -> Option<&str> {
        self.maintenance.as_ref().map(|(_, reason)| reason.as_str())
    }

    pub(super) fn end_maintenance(&mut self) {
        self.maintenance = None;
    }
}

pub(super) fn save_channel(now: Time, slot: &Slot) -> SavedChannel {
    let left = |until: Option<Time>| until.filter(|until| *until > now).map(|until| until.since(now));
    let retries = [&slot.action.retries.rescue, &slot.action.retries.failback, &slot.action.retries.codec];
    let lates = slot.action.late.iter().filter(|(_, until)| *until > now);
    let still = |replaced: &[(Replaced, Time)]| {
        let replaced = replaced.iter().filter(|(_, until)| *until > now);
        replaced.map(|(value, until)| (value.clone(), until.since(now))).collect()
    };
    SavedChannel {
        expected: slot.route.expected.clone(),
        route_ours: slot.route.ours,
        foreign: slot.route.foreign,
        moved_for: slot.route.moved_for.clone(),
        echo: slot.route.echo,
        blocked_for: left(slot.action.blocked_until),
        hold_down: slot.action.hold_down.map(|held| (held.level, now.since(held.at))),
        suppressed: slot.action.hold_down.is_some_and(|held| held.suppressed),
        retries: retries.map(|retry| (retry.failures, left(retry.at))),
        retried: retries.map(|retry| (retry.recalls, retry.last.map(|last| now.since(last)))),
        tried: slot.action.retries.tried.clone(),
        codec_cooldown: left(slot.codec.until),
        codecs_first: slot.codec.first.clone(),
        codecs_set: slot.codec.set.clone(),
        unsure: slot.action.unsure.as_ref().map(|unsure| (unsure.kept.clone(), unsure.until.since(now))),
        late: None,
        late_for: None,
        replaced: still(&slot.route.doubts.replaced),
        noticed: slot.route.doubts.noticed.iter().map(|until| HOUR.saturating_sub(until.since(now))).collect(),
        lates: lates.map(|(kept, until)| (kept.clone(), until.since(now))).collect(),
        own_changes: slot
            .route
            .own_changes
            .iter()
            .filter(|(_, end)| *end > now)
            .map(|(to, end)| (to.clone(), end.since(now)))
            .collect(),
        maintenance: slot.action.maintenance.clone().map(|(until, reason)| (until.since(now), reason)),
        trial: slot.codec.trial.as_ref().map(|trial| trial.save(now)),
        refuted: slot.codec.refuted.save(now),
        probation: slot.route.probation.as_ref().map(|probation| probation.save(now)),
        baseline: slot.telemetry.window.save(),
        credentials_before: slot.codec.credentials_before,
        ordered: slot.action.ordered.as_ref().map(|Ordered { to, force, who, until, .. }| SavedOrder {
            to: to.clone(),
            force: *force,
            who: who.clone(),
            left: until.since(now),
        }),
        left: None,
        sip_server: slot.evidence.server.as_ref().filter(|(_, alone)| *alone).map(|(server, _)| server.clone()),
    }
}

pub(super) fn restore_channel(now: Time, slot: &mut Slot, saved: SavedChannel, elapsed: Duration) {
    let until = |left: Option<Duration>| {
        left.and_then(|left| left.checked_sub(elapsed)).filter(|left| !left.is_zero()).map(|left| now + left)
    };
    slot.route.expected = saved.expected;
    slot.route.ours = saved.route_ours;
    slot.route.foreign = saved.foreign;
    slot.route.moved_for = saved.moved_for;
    slot.route.echo = saved.echo;
    slot.action.blocked_until = until(saved.blocked_for);
    slot.action.hold_down = saved.hold_down.map(|(level, age)| HoldDown {
        // Decayed by its age and as of now, since the clock's origin may be younger.
        level: decayed(level, &slot.policy.failover, age + elapsed),
        at: now,
        suppressed: saved.suppressed,
    });
    let longest = slot.policy.failover.block_period;
    let mut counts = saved.retries.into_iter().zip(saved.retried);
    let mut retry = || {
        let ((failures, left), (recalls, age)) = counts.next().unwrap_or_default();
        let retry = Retry { failures, recalls, last: None, at: until(left) };
        retry.aged(now, age.unwrap_or_default() + elapsed, longest)
    };
    slot.action.retries = Retries { rescue: retry(), failback: retry(), codec: retry(), tried: saved.tried };
    slot.codec.until = until(saved.codec_cooldown);
    slot.codec.first = saved.codecs_first;
    slot.codec.set = saved.codecs_set;
    let one = saved.late.map(|kept| (kept, saved.late_for.unwrap_or(LATE_FOR)));
    let lates = one.into_iter().chain(saved.lates).take(MAX_LATE);
    slot.action.late = lates.filter_map(|(kept, left)| Some((kept, until(Some(left))?))).collect();
    let replaced = saved.replaced.into_iter().take(MAX_REPLACED);
    slot.route.doubts.replaced = replaced.filter_map(|(value, left)| Some((value, until(Some(left))?))).collect();
    let noticed = saved.noticed.into_iter().take(MAX_NOTICED);
    slot.route.doubts.noticed = noticed.filter_map(|age| until(HOUR.checked_sub(age))).collect();
    slot.route.own_changes =
        saved.own_changes.into_iter().filter_map(|(to, left)| Some((to, until(Some(left))?))).collect();
    // The first evaluation records one that has ended since.
    slot.action.maintenance = saved.maintenance.map(|(left, reason)| (now + left.saturating_sub(elapsed), reason));
    slot.codec.trial = saved.trial.map(|saved| Box::new(Timed::restore(saved, now)));
    slot.codec.refuted = Refutations::restore(saved.refuted, now, elapsed, &slot.policy.codec);
    slot.route.probation = saved.probation.map(|saved| Box::new(Timed::restore(saved, now)));
    slot.codec.credentials_before = saved.credentials_before;
    slot.evidence.server = saved.sip_server.map(|server| (server, true));
    if let Some(baseline) = saved.baseline {
        slot.telemetry.window.restore(baseline);
    }
    slot.action.ordered = saved.ordered.map(|SavedOrder { to, force, who, left }| {
        // The next tick records one whose time is up since.
        let until = now + left.saturating_sub(elapsed).max(Duration::from_millis(1));
        Ordered { to, force, who, until, taken_over: true }
    });
    slot.action.unsure = saved.unsure.map(|(kept, left)| {
        let until = now + left.saturating_sub(elapsed);
        Box::new(Unsure { kept, since: now, until })
    });
}
