//! What the page shows, as text: chosen, sorted and worded here, so that the templates only lay it out.

use super::words::{count, interval, lasting, one};
use crate::clock::rfc3339;
use crate::delivery::SinkView;
use crate::http::App;
use crate::journal;
use crate::policy::{ChannelReport, Health, Mode, TenantId, TenantState, Time};
use crate::snapshot::{Snapshot, TenantSnapshot};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use std::cmp::Ordering;

/// Channels shown at most.
const MAX_CHANNELS: usize = 500;
/// Tenants shown at most.
const MAX_TENANTS: usize = 100;
/// Sinks with trouble shown at most.
const MAX_SINKS: usize = 3;
/// Audit entries shown.
const ENTRIES: usize = 20;

/// Which channels are shown.
#[derive(Clone, Debug, Default)]
pub(super) struct Filter {
    /// Of this tenant; empty: of all.
    pub tenant: String,
    /// In this state.
    pub health: Option<Health>,
}

impl Filter {
    pub(super) fn is_health(&self, name: &str) -> bool {
        self.health.is_some_and(|h| h.name() == name)
    }

    fn is_tenant(&self, name: &str) -> bool {
        self.tenant.is_empty() || self.tenant == name
    }

    fn lets_pass(&self, c: &ChannelReport) -> bool {
        self.is_tenant(c.key.tenant.as_str()) && self.health.is_none_or(|h| c.health == h)
    }
}

/// What changes on the page.
pub(super) struct Live {
    pub mode: &'static str,
    pub mode_means: &'static str,
    pub taken_at: String,
    pub alarms: Vec<String>,
    pub counts: Vec<(&'static str, String)>,
    pub tenants: Vec<TenantRow>,
    pub tenants_hidden: usize,
    pub channels: Vec<ChannelRow>,
    pub matching: String,
    /// Whether those are only some of all.
    pub filtered: bool,
    pub hidden: Option<String>,
    pub entries: Vec<EntryRow>,
    pub no_entries: Option<String>,
}

pub(super) struct TenantRow {
    pub name: String,
    pub class: &'static str,
    pub state: &'static str,
    pub notes: Vec<String>,
    pub budget: String,
    pub interval: String,
    pub skew: Option<String>,
    pub actions: u32,
    pub up: u32,
}

pub(super) struct ChannelRow {
    pub tenant: String,
    pub id: String,
    pub link: String,
    pub health: &'static str,
    pub lasting: String,
    pub notes: Vec<String>,
    pub quality: Option<QualityCells>,
    pub route: String,
    pub elsewhere: bool,
    pub block: Option<String>,
    pub reason: String,
}

pub(super) struct QualityCells {
    pub score: String,
    pub mos: String,
    pub latency: String,
    pub jitter: String,
    pub loss: String,
}

pub(super) struct EntryRow {
    pub at: String,
    pub event: String,
    pub subject: String,
    pub actor: String,
    pub reason: String,
}

impl Live {
    /// The page's content now. Blocks while it reads the journal.
    pub(super) fn of(app: &App, filter: &Filter) -> Self {
        let snapshot = app.snapshot.read();
        let mut matching: Vec<&ChannelReport> =
            snapshot.channels.values().map(AsRef::as_ref).filter(|c| filter.lets_pass(c)).collect();
        let total = matching.len();
        worst_first(&mut matching, MAX_CHANNELS, |a, b| {
            badness(a).total_cmp(&badness(b)).reverse().then_with(|| a.key.cmp(&b.key))
        });
        let mut tenants: Vec<_> = snapshot.tenants.iter().filter(|(id, _)| filter.is_tenant(id.as_str())).collect();
        let tenants_hidden = tenants.len().saturating_sub(MAX_TENANTS);
        worst_first(&mut tenants, MAX_TENANTS, |a, b| {
            tenant_badness(a.1).cmp(&tenant_badness(b.1)).reverse().then_with(|| a.0.cmp(b.0))
        });
        let now = app.clock.now();
        let (entries, no_entries) = entries(app, filter);
        let (mode, mode_means) = mode(snapshot.mode);
        Self {
            mode,
            mode_means,
            taken_at: rfc3339(snapshot.taken_at),
            alarms: alarms(app, &snapshot).into_iter().chain(sinks_with_trouble(app)).collect(),
            counts: counts(&snapshot, filter),
            tenants: tenants.into_iter().map(|(id, t)| TenantRow::of(id, t)).collect(),
            tenants_hidden,
            hidden: (total > matching.len()).then(|| count(total - matching.len())),
            matching: count(total),
            filtered: !filter.tenant.is_empty() || filter.health.is_some(),
            channels: matching.into_iter().map(|c| ChannelRow::of(c, now)).collect(),
            entries,
            no_entries,
        }
    }
}

/// A line for each, and one for what is left out. Blocks while it reads the journal.
fn sinks_with_trouble(app: &App) -> Vec<String> {
    let sinks = app.delivery.as_ref().and_then(|delivery| delivery.sinks().ok()).unwrap_or_default();
    let mut troubles: Vec<String> = sinks.iter().filter_map(SinkView::trouble).collect();
    let more = troubles.len().saturating_sub(MAX_SINKS);
    troubles.truncate(MAX_SINKS);
    if more > 0 {
        troubles.push(format!("{more} more sinks have trouble."));
    }
    troubles
}

fn worst_first<T>(all: &mut Vec<T>, most: usize, order: impl Fn(&T, &T) -> Ordering) {
    if all.len() > most {
        all.select_nth_unstable_by(most, &order);
        all.truncate(most);
    }
    all.sort_unstable_by(order);
}

/// Higher is worse: traffic with nowhere to go, then what is down, then what is held, then by state and score.
fn badness(c: &ChannelReport) -> f64 {
    let state = match c.health {
        Health::Down => 2000.0,
        Health::Degraded => 200.0,
        Health::Unknown => 150.0,
        Health::Up => 0.0,
    };
    let extra = [
        (c.no_candidate, 4000.0),
        (c.held.is_some(), 500.0),
        (c.missing, 300.0),
        (c.failed_over, 160.0),
        (c.in_flight.is_some(), 120.0),
    ];
    let extra: f64 = extra.into_iter().filter(|(is, _)| *is).map(|(_, weight)| weight).sum();
    state + extra + c.quality.map_or(0.0, |q| 100.0 - q.score.clamp(0.0, 100.0))
}

fn tenant_badness(t: &TenantSnapshot) -> u32 {
    let signs = [
        (t.report.mass_hold, 8),
        (t.not_authorised.is_some(), 4),
        (t.report.state == TenantState::Blind, 4),
        (t.report.paused, 2),
    ];
    signs.into_iter().filter(|(is, _)| *is).map(|(_, weight)| weight).sum()
}

const fn mode(mode: Mode) -> (&'static str, &'static str) {
    match mode {
        Mode::Observe => ("observe", "it decides and records, and changes nothing"),
        Mode::Propose => ("propose", "it proposes, and changes only what an operator approves"),
        Mode::Enforce => ("enforce", "it acts by itself where a policy lets it"),
    }
}

fn alarms(app: &App, s: &Snapshot) -> Vec<String> {
    let now = app.clock.now();
    let mut alarms = Vec::new();
    if app.liveness.is_late(now) {
        alarms.push(format!("The daemon's loop is late: this page is {} old.", lasting(app.liveness.age(now))));
    }
    if s.version == 0 {
        alarms.push("The daemon is starting: no channel has been looked at yet.".to_owned());
        return alarms;
    }
    let simple = [
        (!s.journal_writable, "The journal cannot be written: no actions until it can. Watching goes on."),
        (!s.orphans_resolved, "The last process left actions open: the platform is being read back."),
        (!s.config_ok, "The last configuration was refused: the one before it stays in force."),
    ];
    if s.paused {
        let until = s.paused_until.map_or_else(|| "an operator resumes".to_owned(), rfc3339);
        alarms.push(format!("Paused: no actions until {until}. Watching goes on."));
    }
    if let Some((_, why)) = &s.unaccepted {
        alarms.push(format!("The audit log is not signed until `trunkwarden audit accept`: {why}."));
    }
    alarms.extend(simple.into_iter().filter(|(is, _)| *is).map(|(_, text)| text.to_owned()));
    alarms
}

/// Of the chosen tenant, in whatever state.
fn counts(s: &Snapshot, filter: &Filter) -> Vec<(&'static str, String)> {
    let chosen: Vec<&ChannelReport> =
        s.channels.values().map(AsRef::as_ref).filter(|c| filter.is_tenant(c.key.tenant.as_str())).collect();
    let of = |test: &dyn Fn(&ChannelReport) -> bool| count(chosen.iter().filter(|c| test(c)).count());
    vec![
        ("up", of(&|c| c.health == Health::Up)),
        ("degraded", of(&|c| c.health == Health::Degraded)),
        ("down", of(&|c| c.health == Health::Down)),
        ("unknown", of(&|c| c.health == Health::Unknown)),
        ("failed over", of(&|c| c.failed_over)),
        ("without a fit candidate", of(&|c| c.no_candidate)),
    ]
}

impl TenantRow {
    fn of(id: &TenantId, t: &TenantSnapshot) -> Self {
        let (class, state) = match (t.report.state, t.report.mass_hold) {
            (TenantState::Blind, _) => ("down", "blind"),
            (TenantState::Seen, true) => ("degraded", "held"),
            (TenantState::Seen, false) => ("up", "seen"),
        };
        let mut notes = Vec::new();
        if t.report.state == TenantState::Blind {
            notes.push("its platform does not answer: no actions".to_owned());
        }
        if t.report.mass_hold {
            notes.push(format!("half of it turned bad at once: held until `trunkwarden approve {id}`"));
        }
        if t.report.paused {
            let until = t.paused_until.map_or_else(|| "an operator resumes".to_owned(), rfc3339);
            notes.push(format!("paused until {until}"));
        }
        notes.extend(t.report.credentials_lost.iter().map(|channel| {
            format!(
                "a codec change lost the credentials of {channel}: enter them again, then `trunkwarden acknowledge {id}/{channel}`"
            )
        }));
        notes.extend(t.not_authorised.iter().map(|why| format!("not authorised: {why}")));
        let lowered = if t.budget.limit < t.budget.configured { " (lowered)" } else { "" };
        let waiting = if t.budget.waiting > 0 { format!(", {} waiting", t.budget.waiting) } else { String::new() };
        Self {
            name: id.to_string(),
            class,
            state,
            notes,
            budget: format!("{} of {}{lowered}{waiting}", t.budget.available, t.budget.limit),
            interval: interval(t.effective_interval),
            skew: t.clock_skew_ms.map(|ms| format!("{:+.1} s", ms as f64 / 1000.0)),
            actions: t.report.actions_last_hour,
            up: t.report.up,
        }
    }
}

impl ChannelRow {
    fn of(c: &ChannelReport, now: Time) -> Self {
        let part = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let mut notes = Vec::new();
        if c.missing {
            notes.push("missing on the platform".to_owned());
        }
        if c.no_candidate {
            notes.push("no candidate is fit".to_owned());
        }
        let watched = &c.explanation.quality;
        notes.extend(watched.degraded.map(|points| format!("{} below its usual score", one(points))));
        notes.extend(
            watched
                .trial
                .iter()
                .filter(|trial| trial.left.is_some())
                .map(|trial| format!("codec {} on trial", trial.to)),
        );
        notes.extend(watched.probation.iter().map(|on| format!("{} on probation", on.backup)));
        notes.extend(c.held.iter().map(|why| format!("held: {}", why.replace('_', " "))));
        notes.extend(c.in_flight.iter().map(|what| format!("{what} under way")));
        if c.route_foreign {
            notes.push("someone else set the route".to_owned());
        }
        if !c.configured {
            notes.push("watched as a candidate".to_owned());
        }
        Self {
            tenant: c.key.tenant.to_string(),
            id: c.key.channel.to_string(),
            link: format!("/api/v1/channels/{}/{}", part(c.key.tenant.as_str()), part(c.key.channel.as_str())),
            health: c.health.name(),
            lasting: lasting(c.health_for_at(now)),
            notes,
            quality: c.quality.map(|q| QualityCells {
                score: one(q.score),
                mos: format!("{:.2}", q.mos),
                latency: one(q.latency_ms),
                jitter: one(q.jitter_ms),
                loss: format!("{:.2}", q.packet_loss_pct),
            }),
            route: match &c.route {
                None => "not known yet".to_owned(),
                Some(to) if *to == c.key.channel => "itself".to_owned(),
                Some(to) => to.to_string(),
            },
            elsewhere: c.failed_over,
            block: c.blocked_for_at(now).map(lasting),
            reason: c.reason_text.clone(),
        }
    }
}

fn entries(app: &App, filter: &Filter) -> (Vec<EntryRow>, Option<String>) {
    let Some(source) = &app.audit else { return (Vec::new(), Some("There is no journal.".to_owned())) };
    let tenant = Some(filter.tenant.clone()).filter(|t| !t.is_empty());
    let newest = journal::Filter { tenant, limit: ENTRIES, ..journal::Filter::default() };
    match source(newest, &journal::Cancel::default()) {
        Ok(page) if page.entries.is_empty() => (Vec::new(), Some("No entries yet.".to_owned())),
        Ok(page) => (page.entries.iter().take(ENTRIES).map(EntryRow::of).collect(), None),
        Err(why) => (Vec::new(), Some(format!("The audit log cannot be read: {why}"))),
    }
}

impl EntryRow {
    fn of(entry: &Value) -> Self {
        let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (tenant, channel) = (text("tenant"), text("channel_id"));
        let subject = match (tenant.is_empty(), channel.is_empty()) {
            (true, true) => "all".to_owned(),
            (false, true) => tenant,
            (true, false) => channel,
            (false, false) => format!("{tenant}/{channel}"),
        };
        Self { at: text("timestamp"), event: text("event_type"), subject, actor: text("actor"), reason: text("reason") }
    }
}
