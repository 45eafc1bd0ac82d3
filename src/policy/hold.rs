//! Every hold: why an action that is wanted is not made now. It is the table "Every hold" of `docs/policy.md` in code: of each
//! hold its label, its words, what ends it, whether its values move by themselves, and what passes over it. A test holds the two
//! equal. When a hold applies is for `engine/guards.rs` to say.
//!
//! Must never: decide that something is wanted.

use super::cause::Ineligible;
use super::explanation::BlockKind;
use super::key::{ChannelId, ChannelKey, TenantId};
use super::time::Span;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

mod yields;

pub use yields::{ByApproval, ByOrder, ByRescue, Yields};

/// Why an action that is wanted is not made now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Hold {
    /// The journal cannot be written.
    Journal,
    /// A person paused the tenant, or (`None`) everything.
    Paused {
        /// The tenant.
        tenant: Option<TenantId>,
    },
    /// No reference target answers: our own network is down.
    Network,
    /// The tenant is blind: its platform does not answer.
    Blind,
    /// The channel is in maintenance.
    Maintenance,
    /// Too many of the tenant's channels turned bad at once.
    MassChange {
        /// Channels whose last look was bad.
        bad: u32,
        /// Channels configured.
        of: u32,
    },
    /// It carries other channels, and would no longer be fit for them if its own traffic left.
    Carries {
        /// Channels that it carries besides itself.
        others: u32,
    },
    /// A codec change lost a channel's credentials, and nobody has acknowledged it.
    CredentialsLost {
        /// The channel concerned.
        channel: ChannelId,
    },
    /// The platform replaces objects, and would lose credentials.
    PatchReplaces,
    /// Another codec change of the tenant has not shown yet whether the platform keeps credentials.
    CodecVerdict {
        /// The channel concerned.
        channel: ChannelId,
    },
    /// Earlier attempts failed.
    Backoff {
        /// Failed attempts; 0: the last action was called back.
        failures: u32,
        /// Time left.
        left: Duration,
    },
    /// Someone else set the route.
    ForeignRoute,
    /// An operator moved the traffic, so an operator takes it home too.
    OrderedRoute,
    /// The policy leaves failback to a person.
    FailbackManual,
    /// The policy's failback window is closed.
    FailbackWindow,
    /// Home does not score better than the backup by the margin that the policy asks for.
    FailbackMargin {
        /// The channel.
        home: ChannelId,
        /// Its score.
        home_score: f64,
        /// The backup.
        backup: ChannelId,
        /// Its score.
        backup_score: f64,
        /// By how many points home must be better (`failback_better_by`).
        better_by: f64,
    },
    /// The channel was moved not long ago.
    Blocked {
        /// Time left.
        left: Duration,
    },
    /// The codecs were changed not long ago.
    Cooldown {
        /// Time left.
        left: Duration,
    },
    /// The tenant's `max_concurrent` is reached.
    MaxConcurrent {
        /// The limit.
        max: u32,
    },
    /// The tenant's `max_per_hour` is reached.
    MaxPerHour {
        /// The limit.
        max: u32,
    },
    /// Too few channels would be up afterwards.
    KeepFit {
        /// Channels that would be up.
        up: u32,
        /// Channels that must be.
        keep_fit: u32,
    },
    /// Too few channels of all tenants would be up afterwards.
    GlobalKeepFit {
        /// Channels that would be up.
        up: u32,
        /// Channels that must be.
        keep_fit: u32,
    },
    /// `global_max_concurrent` is reached, actions about to start included.
    GlobalMaxConcurrent {
        /// The limit.
        max: u32,
    },
    /// `global_max_per_hour` is reached, actions about to start included.
    GlobalMaxPerHour {
        /// The limit.
        max: u32,
    },
    /// The mode is `observe`.
    Observe,
    /// The mode is `propose` and nobody approved.
    Propose,
    /// Nobody approved the proposal in time. It is not proposed again until something else is wanted.
    Lapsed {
        /// How long it was open for approval.
        after: Duration,
    },
    /// The channel is no longer configured.
    Unwatched,
    /// The facts that it was decided on have changed.
    Outdated,
    /// The target, home included, is not fit any more.
    Unfit {
        /// The target.
        target: ChannelId,
        /// What speaks against it.
        against: Ineligible,
    },
}

/// The fixed part of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldRow {
    /// The `why` label of `trunkwarden_actions_held`.
    pub label: &'static str,
    /// Whether values of it move by themselves, so that it is the same hold with others.
    pub drifts: bool,
    /// What passes over it.
    pub yields: Yields,
}

impl Hold {
    /// Its fixed part, in the order in which the guards are asked.
    pub const fn row(&self) -> HoldRow {
        const NOTHING: Yields = Yields::TO_NOTHING;
        const BLOCK: Yields = Yields { rescue: ByRescue::Always, order: ByOrder::Forced, taking_back: true, ..NOTHING };
        let (label, drifts, yields) = match self {
            Self::Journal => ("journal", false, NOTHING),
            Self::Paused { .. } => ("paused", false, NOTHING),
            Self::Network => ("network", false, NOTHING),
            Self::Blind => ("blind", false, NOTHING),
            Self::Maintenance => ("maintenance", false, Yields { rescue: ByRescue::OffDown, ..NOTHING }),
            Self::MassChange { .. } => ("mass_change", false, Yields { approval: ByApproval::OfTenant, ..NOTHING }),
            Self::Carries { .. } => ("carries", false, NOTHING),
            Self::CredentialsLost { .. } => ("credentials_lost", false, NOTHING),
            Self::PatchReplaces => ("patch_replaces", false, NOTHING),
            Self::CodecVerdict { .. } => ("codec_verdict", false, NOTHING),
            Self::Backoff { .. } => ("backoff", true, Yields { order: ByOrder::Forced, ..NOTHING }),
            Self::ForeignRoute => ("foreign_route", false, Yields::TO_A_PERSON),
            Self::OrderedRoute => ("ordered_route", false, Yields::TO_A_PERSON),
            Self::FailbackManual => ("failback_manual", false, Yields::TO_A_PERSON),
            Self::FailbackWindow => ("failback_window", false, Yields::TO_A_PERSON_OR_TAKING_BACK),
            Self::FailbackMargin { .. } => ("failback_margin", true, Yields::TO_A_PERSON_OR_TAKING_BACK),
            Self::Blocked { .. } => ("blocked", true, BLOCK),
            Self::Cooldown { .. } => ("cooldown", true, Yields { taking_back: true, ..NOTHING }),
            Self::MaxConcurrent { .. } => ("max_concurrent", false, Yields::LIMIT),
            Self::MaxPerHour { .. } => ("max_per_hour", false, Yields::LIMIT),
            Self::KeepFit { .. } => ("keep_fit", false, Yields::KEEP_FIT),
            Self::GlobalKeepFit { .. } => ("global_keep_fit", false, Yields::KEEP_FIT),
            Self::GlobalMaxConcurrent { .. } => ("global_max_concurrent", false, Yields::LIMIT),
            Self::GlobalMaxPerHour { .. } => ("global_max_per_hour", false, Yields::LIMIT),
            Self::Observe => ("observe", false, NOTHING),
            Self::Propose => ("propose", false, Yields::TO_A_PERSON),
            Self::Lapsed { .. } => ("lapsed", false, Yields { order: ByOrder::Always, ..NOTHING }),
            Self::Unwatched => ("unwatched", false, NOTHING),
            Self::Outdated => ("outdated", false, NOTHING),
            Self::Unfit { .. } => ("unfit", false, NOTHING),
        };
        HoldRow { label, drifts, yields }
    }

    /// The metric label.
    pub const fn label(&self) -> &'static str {
        self.row().label
    }

    /// Clears the values that drift, so that two holds compare equal without them.
    pub(super) fn steady(&mut self) {
        match self {
            Self::Blocked { left } | Self::Cooldown { left } | Self::Backoff { left, .. } => *left = Duration::ZERO,
            Self::FailbackMargin { home_score, backup_score, .. } => (*home_score, *backup_score) = (0.0, 0.0),
            other => debug_assert!(!other.row().drifts, "what moves by itself of {} is not left aside", other.label()),
        }
    }
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Journal => f.write_str("the journal cannot be written"),
            Self::Paused { tenant: Some(tenant) } => write!(f, "tenant {tenant} is paused"),
            Self::Paused { tenant: None } => f.write_str("everything is paused"),
            Self::Network => f.write_str("our own network is down: no reference target answers"),
            Self::Blind => f.write_str("the tenant is blind: its platform does not answer"),
            Self::Maintenance => f.write_str("the channel is in maintenance"),
            Self::MassChange { bad, of } => {
                write!(f, "{bad} of {of} channels turned bad at once: an operator has to approve")
            }
            Self::Carries { others } => write!(
                f,
                "it carries {others} other channel{}, so its own traffic has to stay at home",
                if *others == 1 { "" } else { "s" }
            ),
            Self::CredentialsLost { channel } => {
                write!(f, "a codec change lost the credentials of {channel}, and nobody has acknowledged that")
            }
            Self::PatchReplaces => f.write_str(
                "the platform replaces whole objects, so a codec change would lose credentials (patch = \"replaces\")",
            ),
            Self::CodecVerdict { channel } => {
                write!(f, "the codec change of {channel} has to show first whether the platform keeps credentials")
            }
            Self::Backoff { failures: 0, left } => {
                write!(f, "the last action was called back, and the next attempt is in {}", Span(*left))
            }
            Self::Backoff { failures, left } => {
                let attempts = if *failures == 1 { "attempt" } else { "attempts" };
                write!(f, "{failures} {attempts} failed, and the next is in {}", Span(*left))
            }
            Self::ForeignRoute => f.write_str("someone else set the route, and nobody has acknowledged it"),
            Self::OrderedRoute => {
                f.write_str("an operator moved its traffic, and has neither ordered it home nor acknowledged the route")
            }
            Self::FailbackManual => f.write_str("failback is manual"),
            Self::FailbackWindow => f.write_str("the failback window is closed"),
            Self::FailbackMargin { home, home_score, backup, backup_score, better_by } => write!(
                f,
                "{home} scores {home_score:.1} and {backup} {backup_score:.1}; {home} has to be better by {better_by:.1}"
            ),
            Self::Blocked { left } => write!(f, "the channel is blocked for another {}", Span(*left)),
            Self::Cooldown { left } => write!(f, "the codecs are in cooldown for another {}", Span(*left)),
            Self::MaxConcurrent { max } => {
                write!(f, "the tenant's limit of actions in flight is reached (max_concurrent {max})")
            }
            Self::MaxPerHour { max } => {
                write!(f, "the tenant's limit of actions per hour is reached (max_per_hour {max})")
            }
            Self::KeepFit { up, keep_fit } => {
                write!(f, "{up} of the tenant's channels would be up; keep_fit is {keep_fit}")
            }
            Self::GlobalKeepFit { up, keep_fit } => {
                write!(f, "{up} channels of all tenants would be up; global_keep_fit is {keep_fit}")
            }
            Self::GlobalMaxConcurrent { max } => {
                write!(f, "the limit of actions in flight over all tenants is reached (global_max_concurrent {max})")
            }
            Self::GlobalMaxPerHour { max } => {
                write!(f, "the limit of actions per hour over all tenants is reached (global_max_per_hour {max})")
            }
            Self::Observe => f.write_str("the mode is observe"),
            Self::Propose => f.write_str("the mode is propose and nobody has approved it"),
            Self::Lapsed { after } => write!(f, "nobody approved the proposal within {}", Span(*after)),
            Self::Unwatched => f.write_str("the channel is no longer configured"),
            Self::Outdated => f.write_str("the facts that it was decided on have changed"),
            Self::Unfit { target, against } => write!(f, "{target} is no longer fit: it {against}"),
        }
    }
}

/// The channel that a hold holds back, for the remedy's words.
#[derive(Debug)]
pub(super) struct HeldBack<'a> {
    pub key: &'a ChannelKey,
    pub policy: &'a str,
    /// What is wanted: `failover`, `failback` or `codec`.
    pub wanted: &'a str,
    /// Time left of [`Hold::block`]; `None`: it has ended.
    pub left: Option<Duration>,
}

impl Hold {
    /// The block that it waits for, where it is one.
    pub(super) fn block(&self, wanted: &str) -> Option<BlockKind> {
        match (self, wanted) {
            (Self::Blocked { .. }, _) => Some(BlockKind::Move),
            (Self::Cooldown { .. }, _) => Some(BlockKind::Codec),
            (Self::Backoff { .. }, "failback") => Some(BlockKind::RetryFailback),
            (Self::Backoff { .. }, "codec") => Some(BlockKind::RetryCodec),
            (Self::Backoff { .. }, _) => Some(BlockKind::RetryFailover),
            _ => None,
        }
    }

    /// What ends it.
    pub(super) fn remedy(&self, of: &HeldBack<'_>) -> String {
        let HeldBack { key, policy, wanted, left } = of;
        let left = left.map_or_else(|| "is over".to_owned(), |left| format!("ends in {}", Span(left)));
        match self {
            Self::Journal => "the journal has to be writable again".to_owned(),
            Self::Paused { tenant: Some(tenant) } => format!("`trunkwarden resume {tenant}`"),
            Self::Paused { tenant: None } => "`trunkwarden resume`".to_owned(),
            Self::Network => {
                "a reference target has to answer again, then this channel has to answer a look".to_owned()
            }
            Self::Blind => {
                "the tenant's platform has to answer again, then this channel has to answer a look".to_owned()
            }
            Self::Maintenance => format!("maintenance has to end, or `trunkwarden maintenance end {key}`"),
            Self::MassChange { .. } => {
                format!("`trunkwarden approve {}`, or fewer of the tenant's channels have to be bad", key.tenant)
            }
            Self::Carries { .. } => "the channels that it carries have to leave it first".to_owned(),
            Self::CredentialsLost { channel } => format!(
                "enter the credentials of {channel} again, then `trunkwarden acknowledge {}/{channel}`",
                key.tenant
            ),
            Self::PatchReplaces => {
                format!("`patch = \"merges\"` for tenant {}, if its platform does merge", key.tenant)
            }
            Self::CodecVerdict { channel } => format!("the codec change of {channel} has to show, or fail"),
            Self::Backoff { .. } => {
                format!("the wait after failed attempts {left}, or `trunkwarden acknowledge {key}`")
            }
            Self::ForeignRoute => format!("`trunkwarden acknowledge {key}`: someone else set the route"),
            Self::OrderedRoute => format!("`trunkwarden failback {key}`, or `trunkwarden acknowledge {key}`"),
            Self::FailbackManual => format!("`trunkwarden approve {key}`: failback is manual"),
            Self::FailbackWindow => format!("the failback window has to open, or `trunkwarden approve {key}`"),
            Self::FailbackMargin { home, backup, backup_score, better_by, .. } => format!(
                "{home} has to score {:.1} while {backup} scores {backup_score:.1}, or `trunkwarden approve {key}`",
                backup_score + better_by
            ),
            Self::Blocked { .. } => format!("the block {left}, or `trunkwarden acknowledge {key}`"),
            Self::Cooldown { .. } => format!("the codecs' cooldown {left}, or `trunkwarden acknowledge {key}`"),
            Self::MaxConcurrent { .. } => "one of the tenant's actions in flight has to end".to_owned(),
            Self::MaxPerHour { .. } => "the oldest of the tenant's actions has to be an hour old".to_owned(),
            Self::KeepFit { up, keep_fit } => format!("the tenant needs {} up", more(keep_fit.saturating_sub(*up))),
            Self::GlobalKeepFit { up, keep_fit } => {
                format!("all tenants together need {} up", more(keep_fit.saturating_sub(*up)))
            }
            Self::GlobalMaxConcurrent { .. } => {
                "one of the actions of all tenants has to end, and the channel has to be next in line".to_owned()
            }
            Self::GlobalMaxPerHour { .. } => {
                "the oldest action of all tenants has to be an hour old, and the channel has to be next in line"
                    .to_owned()
            }
            Self::Observe => format!("mode `enforce`, for the daemon and for policy `{policy}`"),
            Self::Propose => format!("`trunkwarden approve {key}`"),
            Self::Lapsed { .. } => format!("{}: its proposal lapsed", instead_of_approval(wanted, key)),
            Self::Unwatched | Self::Outdated | Self::Unfit { .. } => "nothing: the engine decides again".to_owned(),
        }
    }
}

/// What a person can do once a proposal has lapsed.
pub(super) fn instead_of_approval(wanted: &str, key: &ChannelKey) -> String {
    match wanted {
        "failover" => format!("an order, such as `trunkwarden failover {key} --to CHANNEL`"),
        "failback" => format!("an order, such as `trunkwarden failback {key}`"),
        _ => "nothing until it is wanted anew".to_owned(),
    }
}

fn more(channels: u32) -> String {
    format!("{channels} more channel{}", if channels == 1 { "" } else { "s" })
}
