//! The API's words: what the snapshot says, with units in the names and durations in seconds.
//!
//! The command line reads what is written here, so the types go both ways.

mod explanation;
mod quality;

pub use explanation::{BlockView, ExplanationView, HoldDownView, LastChangeView};
pub use quality::{CodecTrialView, LowView, ProbationView, QualityView, QualityWatchView, RefutedView};

use crate::clock::rfc3339;
use crate::policy::{CandidateReport, ChannelReport, Codec, Health, Mode, TenantId, TenantState, Time, WallMs};
use crate::snapshot::{Snapshot, TenantSnapshot};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The daemon as a whole.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DaemonView {
    /// Its version.
    pub version: String,
    /// The mode that caps every policy's.
    pub mode: Mode,
    /// Whether everything is paused.
    pub paused: bool,
    /// When that ends by itself, RFC 3339; null: it has no end.
    #[serde(default)]
    pub paused_until: Option<String>,
    /// Whether the journal can be written; otherwise no actions.
    pub journal_writable: bool,
    /// Why a person has to accept the audit log (`trunkwarden audit accept`); null: nobody has to.
    #[serde(default)]
    pub audit_unaccepted: Option<String>,
    /// Whether what a crash left open is resolved.
    pub orphans_resolved: bool,
    /// Whether the last attempt to load the configuration succeeded.
    pub config_ok: bool,
    /// When the configuration was last taken, RFC 3339.
    pub config_loaded_at: String,
    /// When this was so, RFC 3339: ages and remaining times are of that moment.
    pub taken_at: String,
}

/// One tenant.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TenantView {
    /// Its name.
    pub tenant: String,
    /// `seen` or `blind`.
    pub state: TenantState,
    /// Whether an operator paused it (or all).
    pub paused: bool,
    /// When that ends by itself, RFC 3339; null: it has no end.
    #[serde(default)]
    pub paused_until: Option<String>,
    /// Whether a mass change is held.
    pub mass_hold: bool,
    /// Actions in flight.
    pub in_flight: u32,
    /// Actions in the last hour.
    pub actions_last_hour: u32,
    /// Its configured channels.
    #[serde(default)]
    pub channels: u32,
    /// Its channels that are up.
    pub channels_up: u32,
    /// Channels whose credentials a codec change lost, and which nobody has acknowledged.
    #[serde(default)]
    pub credentials_lost: Vec<String>,
    /// Requests a minute that the file allows.
    pub budget_configured_per_minute: u32,
    /// Requests a minute in force.
    pub budget_limit_per_minute: u32,
    /// Requests that could be sent now.
    pub budget_available: u32,
    /// Requests that wait.
    pub budget_waiting: u32,
    /// The longest time from one routine look to the next.
    pub effective_interval_seconds: f64,
    /// Our calendar minus the platform's.
    pub clock_skew_seconds: Option<f64>,
    /// Why the platform does not authorise us, where it does not.
    pub not_authorised: Option<String>,
}

/// The answer of `/api/v1/tenants`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TenantsView {
    /// The daemon as a whole.
    pub daemon: DaemonView,
    /// The tenants by name.
    pub tenants: Vec<TenantView>,
}

/// One channel in a list.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChannelLine {
    /// Its tenant.
    pub tenant: String,
    /// Its id.
    pub id: String,
    /// Whether it is configured; otherwise it is watched as someone's candidate.
    pub configured: bool,
    /// Its policy's name.
    pub policy: String,
    /// The mode in force for it.
    pub mode: Mode,
    /// What is known of its health.
    pub health: Health,
    /// How long that has been so.
    pub health_for_seconds: f64,
    /// The platform's own word.
    pub platform_status: Option<String>,
    /// Whether the platform has no such channel.
    pub missing: bool,
    /// Age of the last answer.
    pub evidence_age_seconds: Option<f64>,
    /// Where its traffic goes as last read.
    pub route: Option<String>,
    /// Whether that is elsewhere.
    pub failed_over: bool,
    /// Whether someone else set that.
    pub route_foreign: bool,
    /// Quality over the window.
    pub quality: Option<QualityView>,
    /// An action under way.
    pub in_flight: Option<String>,
    /// Time left of the block after an action.
    pub blocked_for_seconds: Option<f64>,
    /// How long what is proposed may still be approved.
    pub proposal_left_seconds: Option<f64>,
    /// The maintenance that it is in.
    pub maintenance: Option<MaintenanceView>,
    /// What holds a wanted action back.
    pub held: Option<String>,
    /// Whether its traffic has to move and no candidate is fit.
    pub no_candidate: bool,
    /// The last evaluation in words.
    pub reason: String,
}

/// A maintenance.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MaintenanceView {
    /// Time left; null: until the policy's window closes.
    pub left_seconds: Option<f64>,
    /// The reason that the operator or the policy gives.
    pub reason: String,
}

/// The answer of `/api/v1/channels`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChannelsView {
    /// When this was so, RFC 3339.
    pub taken_at: String,
    /// By tenant and id.
    pub channels: Vec<ChannelLine>,
    /// `after` of the next page; null: this was the last.
    pub next: Option<String>,
}

/// The answer of `/api/v1/channels/{tenant}/{id}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChannelView {
    /// What lists show.
    #[serde(flatten)]
    pub line: ChannelLine,
    /// When this was so, RFC 3339.
    pub taken_at: String,
    /// Bad looks in a row.
    pub bad_looks: u32,
    /// Good looks in a row.
    pub good_looks: u32,
    /// Telemetry items rejected since the start.
    pub samples_rejected: u64,
    /// Codecs as last read.
    pub codecs: Vec<Codec>,
    /// The last evaluation, structured.
    pub reason_detail: Value,
    /// Who could take its traffic, in order, and why not.
    pub candidates: Vec<CandidateView>,
    /// What explains all of it.
    pub explanation: ExplanationView,
}

/// One candidate.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CandidateView {
    /// Its id.
    pub id: String,
    /// Whether it could take the traffic, as far as is known now.
    pub eligible: bool,
    /// What speaks against it, in words.
    pub against: Option<String>,
    /// The same, structured.
    pub against_detail: Value,
    /// Its score.
    pub score: Option<f64>,
}

impl DaemonView {
    /// As the snapshot has it.
    pub fn of(snapshot: &Snapshot) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            mode: snapshot.mode,
            paused: snapshot.paused,
            paused_until: snapshot.paused_until.map(rfc3339),
            journal_writable: snapshot.journal_writable,
            audit_unaccepted: snapshot.unaccepted.as_ref().map(|(_, why)| why.clone()),
            orphans_resolved: snapshot.orphans_resolved,
            config_ok: snapshot.config_ok,
            config_loaded_at: rfc3339(snapshot.config_loaded_at),
            taken_at: rfc3339(snapshot.taken_at),
        }
    }
}

impl TenantView {
    /// As the snapshot has it.
    pub fn of(id: &TenantId, t: &TenantSnapshot) -> Self {
        Self {
            tenant: id.to_string(),
            state: t.report.state,
            paused: t.report.paused,
            paused_until: t.paused_until.map(rfc3339),
            mass_hold: t.report.mass_hold,
            in_flight: t.report.in_flight,
            actions_last_hour: t.report.actions_last_hour,
            channels: t.report.channels,
            channels_up: t.report.up,
            credentials_lost: t.report.credentials_lost.iter().map(ToString::to_string).collect(),
            budget_configured_per_minute: t.budget.configured,
            budget_limit_per_minute: t.budget.limit,
            budget_available: t.budget.available,
            budget_waiting: t.budget.waiting,
            effective_interval_seconds: t.effective_interval.as_secs_f64(),
            clock_skew_seconds: t.clock_skew_ms.map(|ms| ms as f64 / 1000.0),
            not_authorised: t.not_authorised.clone(),
        }
    }
}

impl ChannelLine {
    /// As the snapshot has it, with the ages of `now`.
    pub fn of(c: &ChannelReport, now: Time) -> Self {
        Self {
            tenant: c.key.tenant.to_string(),
            id: c.key.channel.to_string(),
            configured: c.configured,
            policy: c.policy.clone(),
            mode: c.mode,
            health: c.health,
            health_for_seconds: c.health_for_at(now).as_secs_f64(),
            platform_status: c.status.clone(),
            missing: c.missing,
            evidence_age_seconds: c.evidence_age_at(now).map(|d| d.as_secs_f64()),
            route: c.route.as_ref().map(ToString::to_string),
            failed_over: c.failed_over,
            route_foreign: c.route_foreign,
            quality: c.quality.as_ref().map(QualityView::of),
            in_flight: c.in_flight.map(str::to_owned),
            blocked_for_seconds: c.blocked_for_at(now).map(|d| d.as_secs_f64()),
            proposal_left_seconds: c.proposal_left_at(now).map(|d| d.as_secs_f64()),
            maintenance: c.maintenance.as_ref().map(|maintenance| MaintenanceView {
                left_seconds: c.maintenance_left_at(now).map(|d| d.as_secs_f64()),
                reason: maintenance.reason.clone(),
            }),
            held: c.held.map(str::to_owned),
            no_candidate: c.no_candidate,
            reason: c.reason_text.clone(),
        }
    }
}

impl ChannelView {
    /// As the snapshot has it, with the ages of `now`.
    pub fn of(snapshot: &Snapshot, c: &ChannelReport, now: Time) -> Self {
        Self::at(snapshot.taken_at, c, now)
    }

    /// As a report has it that was made at `taken_at`, with the ages of `now`.
    pub fn at(taken_at: WallMs, c: &ChannelReport, now: Time) -> Self {
        Self {
            line: ChannelLine::of(c, now),
            taken_at: rfc3339(taken_at),
            bad_looks: c.bad_looks,
            good_looks: c.good_looks,
            samples_rejected: c.samples_rejected,
            codecs: c.codecs.clone(),
            reason_detail: serde_json::to_value(&c.reason).unwrap_or_default(),
            candidates: c.candidates.iter().map(CandidateView::of).collect(),
            explanation: ExplanationView::of(c, now),
        }
    }
}

impl CandidateView {
    fn of(c: &CandidateReport) -> Self {
        Self {
            id: c.channel.to_string(),
            eligible: c.eligible,
            against: c.against_text.clone(),
            against_detail: serde_json::to_value(&c.against).unwrap_or_default(),
            score: c.score,
        }
    }
}
