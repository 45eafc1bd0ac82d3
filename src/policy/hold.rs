//! Why an action that is wanted is not made now: the closed list of holds.
//!
//! Must never: decide that something is wanted.

use super::cause::Ineligible;
use super::key::{ChannelId, TenantId};
use super::time::Span;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// Why an action that is wanted is not made now. [`Hold::label`] is the `why` label of `actions_held`.
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
    /// The tenant's platform cannot be seen.
    Blind,
    /// No reference target answers: our own network is gone.
    Network,
    /// Too many of the tenant's channels turned bad at once.
    MassChange {
        /// Channels whose last look was bad.
        bad: u32,
        /// Channels configured.
        of: u32,
    },
    /// The mode is `observe`.
    Observe,
    /// The mode is `propose` and nobody approved.
    Propose,
    /// The channel was moved not long ago.
    Blocked {
        /// Time left.
        left: Duration,
    },
    /// Earlier attempts failed.
    Backoff {
        /// How many.
        failures: u32,
        /// Time left.
        left: Duration,
    },
    /// As many actions are in flight as may be.
    MaxConcurrent {
        /// The limit.
        max: u32,
    },
    /// As many actions were made in the last hour as may be.
    MaxPerHour {
        /// The limit.
        max: u32,
    },
    /// As many actions are in flight (or about to be) over all tenants as may be.
    GlobalMaxConcurrent {
        /// The limit.
        max: u32,
    },
    /// As many actions were made (or are about to be) in the last hour over all tenants as may be.
    GlobalMaxPerHour {
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
    /// Someone else set the route.
    ForeignRoute,
    /// The policy leaves the way back to a person.
    FailbackManual,
    /// The policy's window for the way back is not open.
    FailbackWindow,
    /// Home does not score better than the backup by what the policy asks of a way back by itself.
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
    /// The codecs were changed not long ago.
    Cooldown {
        /// Time left.
        left: Duration,
    },
    /// The channel is no longer configured.
    Unwatched,
    /// The target, home included, is not fit any more.
    Unfit {
        /// The target.
        target: ChannelId,
        /// What speaks against it.
        against: Ineligible,
    },
    /// What it was decided on is no longer so.
    Outdated,
    /// The channel is in maintenance.
    Maintenance,
    /// Nobody approved what was proposed in its time. It is not proposed again until something else is wanted.
    Lapsed {
        /// That time.
        after: Duration,
    },
    /// An operator moved the traffic, and the way back is an operator's too.
    OrderedRoute,
    /// Another codec change of the tenant has not shown yet whether the platform keeps credentials.
    CodecVerdict {
        /// Whose.
        channel: ChannelId,
    },
    /// A codec change lost a channel's credentials, and nobody has acknowledged it.
    CredentialsLost {
        /// Whose.
        channel: ChannelId,
    },
    /// The platform replaces objects, and would lose credentials.
    PatchReplaces,
    /// It carries the traffic of others, for whom it would not be fit any more.
    Carries {
        /// How many.
        others: u32,
    },
}

impl Hold {
    /// The metric label.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Journal => "journal",
            Self::Paused { .. } => "paused",
            Self::Blind => "blind",
            Self::Network => "network",
            Self::MassChange { .. } => "mass_change",
            Self::Observe => "observe",
            Self::Propose => "propose",
            Self::Blocked { .. } => "blocked",
            Self::Backoff { .. } => "backoff",
            Self::MaxConcurrent { .. } => "max_concurrent",
            Self::MaxPerHour { .. } => "max_per_hour",
            Self::GlobalMaxConcurrent { .. } => "global_max_concurrent",
            Self::GlobalMaxPerHour { .. } => "global_max_per_hour",
            Self::KeepFit { .. } => "keep_fit",
            Self::GlobalKeepFit { .. } => "global_keep_fit",
            Self::ForeignRoute => "foreign_route",
            Self::FailbackManual => "failback_manual",
            Self::FailbackWindow => "failback_window",
            Self::FailbackMargin { .. } => "failback_margin",
            Self::Cooldown { .. } => "cooldown",
            Self::Unwatched => "unwatched",
            Self::Unfit { .. } => "unfit",
            Self::Outdated => "outdated",
            Self::OrderedRoute => "ordered_route",
            Self::Maintenance => "maintenance",
            Self::Lapsed { .. } => "lapsed",
            Self::Carries { .. } => "carries",
            Self::CodecVerdict { .. } => "codec_verdict",
            Self::CredentialsLost { .. } => "credentials_lost",
            Self::PatchReplaces => "patch_replaces",
        }
    }

    /// A bit of its own for each label, so that an episode remembers which holds it has told of.
    pub(super) const fn bit(&self) -> u32 {
        1 << match self {
            Self::Journal => 0,
            Self::Paused { .. } => 1,
            Self::Blind => 2,
            Self::MassChange { .. } => 3,
            Self::Observe => 4,
            Self::Propose => 5,
            Self::Blocked { .. } => 6,
            Self::Backoff { .. } => 7,
            Self::MaxConcurrent { .. } => 8,
            Self::MaxPerHour { .. } => 9,
            Self::KeepFit { .. } => 10,
            Self::ForeignRoute => 11,
            Self::FailbackManual => 12,
            Self::FailbackWindow => 13,
            Self::Cooldown { .. } => 14,
            Self::Unwatched => 15,
            Self::Unfit { .. } => 16,
            Self::Outdated => 17,
            Self::OrderedRoute => 18,
            Self::Maintenance => 19,
            Self::Lapsed { .. } => 20,
            Self::GlobalMaxConcurrent { .. } => 21,
            Self::GlobalMaxPerHour { .. } => 22,
            Self::Network => 23,
            Self::FailbackMargin { .. } => 24,
            Self::GlobalKeepFit { .. } => 25,
            Self::Carries { .. } => 26,
            Self::CodecVerdict { .. } => 27,
            Self::CredentialsLost { .. } => 28,
            Self::PatchReplaces => 29,
        }
    }
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Journal => f.write_str("the journal cannot be written"),
            Self::Paused { tenant: Some(tenant) } => write!(f, "tenant {tenant} is paused"),
            Self::Paused { tenant: None } => f.write_str("everything is paused"),
            Self::Blind => f.write_str("the tenant's platform cannot be seen"),
            Self::Network => f.write_str("our own network is gone: no reference target answers"),
            Self::MassChange { bad, of } => {
                write!(f, "{bad} of {of} channels turned bad at once, which an operator has to approve")
            }
            Self::Observe => f.write_str("the mode is observe"),
            Self::Propose => f.write_str("the mode is propose and nobody has approved it"),
            Self::Blocked { left } => write!(f, "the channel is blocked for another {}", Span(*left)),
            Self::Backoff { failures: 0, left } => {
                write!(f, "the last decision was called back, and the next is in {}", Span(*left))
            }
            Self::Backoff { failures, left } => {
                write!(f, "{failures} attempts failed and the next is in {}", Span(*left))
            }
            Self::MaxConcurrent { max } => {
                write!(f, "{max} actions are in flight, which is the tenant's max_concurrent")
            }
            Self::MaxPerHour { max } => {
                write!(f, "{max} actions were made within the hour, which is the tenant's max_per_hour")
            }
            Self::GlobalMaxConcurrent { max } => {
                write!(f, "{max} actions are under way over all tenants, which is global_max_concurrent")
            }
            Self::GlobalMaxPerHour { max } => {
                write!(f, "{max} actions fall within the hour over all tenants, which is global_max_per_hour")
            }
            Self::KeepFit { up, keep_fit } => write!(f, "{up} channels would be up and keep_fit is {keep_fit}"),
            Self::GlobalKeepFit { up, keep_fit } => {
                write!(f, "{up} channels of all tenants would be up and global_keep_fit is {keep_fit}")
            }
            Self::ForeignRoute => f.write_str("someone else set the route, and nobody has acknowledged it"),
            Self::FailbackManual => f.write_str("failback is manual"),
            Self::FailbackWindow => f.write_str("the failback window is not open"),
            Self::FailbackMargin { home, home_score, backup, backup_score, better_by } => write!(
                f,
                "it stays at {backup}: {home} scores {home_score:.1}, {backup} {backup_score:.1}; {home} must be better by \
                 {better_by:.1}"
            ),
            Self::Cooldown { left } => write!(f, "the codecs are in cooldown for another {}", Span(*left)),
            Self::Unwatched => f.write_str("the channel is no longer configured"),
            Self::Unfit { target, against } => write!(f, "{target} is no longer fit: {against}"),
            Self::Outdated => f.write_str("what it was decided on is no longer so"),
            Self::Lapsed { after } => write!(f, "it was proposed, and nobody approved it within {}", Span(*after)),
            Self::Maintenance => f.write_str("the channel is in maintenance"),
            Self::CodecVerdict { channel } => write!(
                f,
                "the codecs of {channel} are being changed, which has to show first whether the platform keeps credentials"
            ),
            Self::CredentialsLost { channel } => write!(
                f,
                "a codec change lost the credentials of {channel}, which have to be entered again; nobody has acknowledged it"
            ),
            Self::PatchReplaces => f.write_str(
                "the platform replaces what it is sent, so credentials would be lost (patch = \"replaces\")",
            ),
            Self::Carries { others } => write!(
                f,
                "it carries the traffic of {others} other{}, for whom it is fit only while its own goes to itself",
                if *others == 1 { "" } else { "s" }
            ),
            Self::OrderedRoute => {
                f.write_str("an operator moved it there, and nobody has ordered or acknowledged the way back")
            }
        }
    }
}
