//! The parts of the engine's state of one channel. What is watched is apart from what is steered: the platform and telemetry
//! report the one, our actions change the other.

use super::super::channel::{Event, Machine};
use super::super::hold::Hold;
use super::super::hold_down::HoldDown;
use super::super::ids::SlotId;
use super::super::key::ChannelId;
use super::super::observation::{AuthenticationSeen, Codec};
use super::super::params::Policy;
use super::super::reason::Cause;
use super::super::score::Quality;
use super::super::time::Time;
use super::super::trial::{CodecTrial, Probation, Refutations, Timed};
use super::super::window::{Summary, Window};
use super::doubt::Doubts;
use super::pending::{Approved, Flight, Kept, Ordered, Unsure};
use super::retry::Retries;
use super::want::Wish;

/// Watched: what the platform says of the channel.
#[derive(Debug)]
pub(in crate::policy) struct Evidence {
    pub machine: Machine,
    /// What the last look that was evidence said.
    pub verdict: Option<Event>,
    /// The platform has no such channel.
    pub missing: bool,
    /// Answers in a row that the platform has no such channel.
    pub missing_looks: u32,
    /// Whether the status is young enough to count.
    pub fresh: bool,
    /// When the newest answer was asked for.
    pub asked: Option<Time>,
    /// When the newest answer that was evidence was asked for.
    pub at: Option<Time>,
    pub single: Option<Single>,
    pub bad_since: Option<Time>,
    pub status: Option<String>,
    /// Its backups as read.
    pub backups: Vec<ChannelId>,
    /// Its codecs as read.
    pub codecs: Vec<Codec>,
    /// Its SIP server as read, and whether the channel itself was asked for it.
    pub server: Option<(String, bool)>,
}

/// The last answer to a look at it alone.
#[derive(Clone, Copy, Debug)]
pub(in crate::policy) struct Single {
    pub asked: Time,
    pub seq: u64,
    /// `None`: its status was no evidence.
    pub verdict: Option<Event>,
}

impl Evidence {
    /// Nothing is known.
    pub(super) fn new(now: Time) -> Self {
        Self {
            machine: Machine::new(now),
            verdict: None,
            missing: false,
            missing_looks: 0,
            fresh: false,
            asked: None,
            at: None,
            single: None,
            bad_since: None,
            status: None,
            backups: Vec::new(),
            codecs: Vec::new(),
            server: None,
        }
    }
}

/// Watched: what telemetry says of its calls.
#[derive(Debug)]
pub(in crate::policy) struct Telemetry {
    pub window: Window,
    pub summary: Option<Summary>,
    pub quality: Option<Quality>,
    /// When the score was last counted.
    pub at: Time,
    /// Since when its score is below `quality_below`.
    pub low_since: Option<Time>,
    /// Since when its score is not below `optimise_below`.
    pub fine_since: Option<Time>,
    /// Since when its score is too far below what is usual for it.
    pub degraded_since: Option<Time>,
}

impl Telemetry {
    /// Nothing was measured.
    pub(super) fn new(now: Time, policy: &Policy) -> Self {
        Self {
            window: Window::new(&policy.telemetry),
            summary: None,
            quality: None,
            at: now,
            low_since: None,
            fine_since: None,
            degraded_since: None,
        }
    }
}

/// Steered: where its traffic goes, and whose doing that is.
#[derive(Debug, Default)]
pub(in crate::policy) struct Route {
    /// As last read and believed.
    pub read: Option<ChannelId>,
    /// Whether the channel itself was asked, and what it says of its route cannot be read.
    pub unread: bool,
    /// Where we left it, or found it.
    pub expected: Option<ChannelId>,
    pub ours: bool,
    pub foreign: bool,
    pub moved_for: Option<Cause>,
    /// Whether `active` may be but the echo of our own PATCH.
    pub echo: bool,
    /// Routes and codecs asked for earlier speak of a time before our last action ended.
    pub from: Time,
    pub doubted_at: Option<Time>,
    pub doubts: Doubts,
    /// Routes that other writers of ours may have sent, and until when such a change may land.
    pub own_changes: Vec<(ChannelId, Time)>,
    /// Others whose traffic the channel carries or is about to.
    pub carries: u32,
    /// Slots whose load includes this channel: its current target, and the target of an action in flight.
    pub loads: [Option<SlotId>; 2],
    /// The route that was taken for quality, while it has to prove itself.
    pub probation: Option<Box<Timed<Probation>>>,
}

/// Steered: which order of codecs is ours, and what came of it.
#[derive(Debug, Default)]
pub(in crate::policy) struct CodecOrder {
    /// No other order until then.
    pub until: Option<Time>,
    /// The order first read, before any of ours.
    pub first: Option<Vec<Codec>>,
    /// The order that we put in place.
    pub set: Option<Vec<Codec>>,
    /// Its credentials as last read alone; and as read before the codec change that has not shown yet, where there were any.
    pub credentials: Option<AuthenticationSeen>,
    pub credentials_before: Option<AuthenticationSeen>,
    /// The codec order of ours that it has, measured or not yet.
    pub trial: Option<Box<Timed<CodecTrial>>>,
    /// When telemetry last showed it to be worse than the order before.
    pub worse_at: Option<Time>,
    pub refuted: Refutations,
}

/// Steered: what is wanted, what is under way, and what keeps the next action waiting.
#[derive(Debug, Default)]
pub(in crate::policy) struct Actions {
    pub wish: Option<Wish>,
    /// Proposals that nobody approved and that are still wanted.
    pub lapsed: Vec<Wish>,
    pub held: Option<Hold>,
    pub no_candidate: bool,
    /// Since when home has been up and good, while traffic is elsewhere.
    pub good_since: Option<Time>,
    pub flight: Option<Box<Flight>>,
    pub unsure: Option<Box<Unsure>>,
    /// Actions that had not shown when their time was over, and until when each may still show as ours.
    pub late: Vec<(Kept, Time)>,
    /// When the last action showed: decisions about quality rest on telemetry that was asked for later.
    pub changed_at: Option<Time>,
    pub blocked_until: Option<Time>,
    pub hold_down: Option<HoldDown>,
    pub retries: Retries,
    pub approved: Option<Approved>,
    pub ordered: Option<Ordered>,
    /// A maintenance that a person started: when it ends, and why.
    pub maintenance: Option<(Time, String)>,
}
