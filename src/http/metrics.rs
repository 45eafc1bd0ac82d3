//! `/metrics`: the counters, and what the snapshot says, in the Prometheus text format 0.0.4.
//!
//! Written piece by piece while it is sent, so that memory stays flat whatever the number of channels: a piece is at most
//! [`PIECE`] channels of one family. Every family of one scrape is of the same snapshot.

use super::{App, stranded};
use crate::policy::{ChannelKey, ChannelReport, Health, TenantId, TenantState, Time};
use crate::snapshot::{Snapshot, TenantSnapshot};
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use prometheus::proto::{Gauge, LabelPair, Metric, MetricFamily, MetricType};
use prometheus::{TEXT_FORMAT, TextEncoder};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ops::Bound;
use std::sync::Arc;

/// Channels in one piece of the answer.
const PIECE: usize = 500;

pub(super) async fn scrape(State(app): State<Arc<App>>) -> Response {
    app.counters.bridges().refresh(app.clock.now());
    let (counted, now) = (Some(app.counters.gather()), app.clock.now());
    let pieces = Pieces { counted, snapshot: app.snapshot.read(), now, family: 0, after: None };
    // Pieces are always ready: without a pause between them one scrape would keep a worker from all other tasks.
    let body = Body::from_stream(stream::iter(pieces).then(|piece| async {
        tokio::task::yield_now().await;
        Ok::<_, Infallible>(piece)
    }));
    ([(header::CONTENT_TYPE, TEXT_FORMAT)], body).into_response()
}

/// One family that is read from the snapshot.
struct Family {
    name: &'static str,
    help: &'static str,
    of: Of,
}

enum Of {
    Daemon(fn(&Snapshot, &mut Series)),
    Tenant(fn(&TenantSnapshot, &mut Series)),
    Channel(fn(&ChannelReport, &mut Series)),
}

const FAMILIES: &[Family] = &[
    Family {
        name: "trunkwarden_build_info",
        help: "Always 1; the labels say what is running.",
        of: Of::Daemon(|_, s| s.add(&[("version", env!("CARGO_PKG_VERSION"))], 1.0)),
    },
    Family {
        name: "trunkwarden_journal_writable",
        help: "Whether the journal can be written; without it nothing is changed.",
        of: Of::Daemon(|snapshot, s| s.add(&[], flag(snapshot.journal_writable))),
    },
    Family {
        name: "trunkwarden_audit_unaccepted",
        help: "Whether a person has to accept the audit log found at the start: it contradicts what was signed (then nothing is changed), or none of it is signed.",
        of: Of::Daemon(|snapshot, s| {
            let found = snapshot.unaccepted.as_ref().map(|(word, _)| *word);
            for why in ["contradicts", "unsigned"] {
                s.add(&[("why", why)], flag(found == Some(why)));
            }
        }),
    },
    Family {
        name: "trunkwarden_reference_up",
        help: "Whether a reference target outside the platforms answers; where none does, our own network is down.",
        of: Of::Daemon(|snapshot, s| {
            for reference in &snapshot.references {
                s.add(&[("target", &reference.target)], flag(reference.up));
            }
        }),
    },
    Family {
        name: "trunkwarden_network_up",
        help: "Whether any reference target answers that ever did; otherwise nothing is changed. Absent without reference targets.",
        of: Of::Daemon(|snapshot, s| {
            let known = snapshot.references.iter().any(|reference| reference.known);
            s.maybe(known.then(|| flag(snapshot.references.iter().any(|reference| reference.up))));
        }),
    },
    Family {
        name: "trunkwarden_paused",
        help: "Whether all actions of all tenants are paused by an operator.",
        of: Of::Daemon(|snapshot, s| s.add(&[], flag(snapshot.paused))),
    },
    Family {
        name: "trunkwarden_actions_held",
        help: "Channels whose wanted action is held now, by hold.",
        of: Of::Daemon(held),
    },
    Family {
        name: "trunkwarden_tenant_blind",
        help: "Whether the tenant is blind: its platform does not answer, so nothing is changed.",
        of: Of::Tenant(|t, s| s.add(&[], flag(t.report.state == TenantState::Blind))),
    },
    Family {
        name: "trunkwarden_tenant_paused",
        help: "Whether the tenant's actions are paused by an operator.",
        of: Of::Tenant(|t, s| s.add(&[], flag(t.report.paused))),
    },
    Family {
        name: "trunkwarden_tenant_mass_hold",
        help: "Whether actions are held because half of the tenant turned bad at once.",
        of: Of::Tenant(|t, s| s.add(&[], flag(t.report.mass_hold))),
    },
    Family {
        name: "trunkwarden_credentials_lost",
        help: "Channels whose credentials a codec change lost: 1 until a person enters and acknowledges them.",
        of: Of::Tenant(|t, s| {
            for channel in &t.report.credentials_lost {
                s.add(&[("channel", channel.as_str())], 1.0);
            }
        }),
    },
    Family {
        name: "trunkwarden_request_budget_available",
        help: "Requests to the platform that could be sent now.",
        of: Of::Tenant(|t, s| s.add(&[], f64::from(t.budget.available))),
    },
    Family {
        name: "trunkwarden_effective_interval_seconds",
        help: "The longest time from one routine look at a channel to the next that the budget allows.",
        of: Of::Tenant(|t, s| s.add(&[], t.effective_interval.as_secs_f64())),
    },
    Family {
        name: "trunkwarden_clock_skew_seconds",
        help: "Our calendar minus the platform's.",
        of: Of::Tenant(|t, s| s.maybe(t.clock_skew_ms.map(|ms| ms as f64 / 1000.0))),
    },
    Family {
        name: "trunkwarden_channel_health",
        help: "What is known of a channel's health: 1 for the state it is in.",
        of: Of::Channel(|c, s| {
            for state in Health::ALL {
                s.add(&[("state", state.name())], flag(c.health == state));
            }
        }),
    },
    Family {
        name: "trunkwarden_channel_quality_score",
        help: "Quality over the window, 0 (worst) to 100 (best); absent without enough telemetry.",
        of: Of::Channel(|c, s| s.maybe(c.quality.map(|q| q.score))),
    },
    Family {
        name: "trunkwarden_channel_quality_baseline",
        help: "The score that a channel's usual conditions of the last 24 h would have, 0 to 100; absent while too little is known of them.",
        of: Of::Channel(|c, s| s.maybe(c.quality.and_then(|q| q.baseline))),
    },
    Family {
        name: "trunkwarden_channel_latency_seconds",
        help: "One-way latency over the window: the mean, or the policy's percentile.",
        of: Of::Channel(|c, s| s.maybe(c.quality.map(|q| q.latency_ms / 1000.0))),
    },
    Family {
        name: "trunkwarden_channel_jitter_seconds",
        help: "Jitter over the window: the mean, or the policy's percentile.",
        of: Of::Channel(|c, s| s.maybe(c.quality.map(|q| q.jitter_ms / 1000.0))),
    },
    Family {
        name: "trunkwarden_channel_packet_loss_ratio",
        help: "Packet loss over the window, 0 to 1: the mean, or the policy's percentile.",
        of: Of::Channel(|c, s| s.maybe(c.quality.map(|q| q.packet_loss_pct / 100.0))),
    },
    Family {
        name: "trunkwarden_channel_failed_over",
        help: "Whether a channel's traffic goes to another one.",
        of: Of::Channel(|c, s| s.add(&[], flag(c.failed_over))),
    },
    Family {
        name: "trunkwarden_channel_maintenance",
        help: "Whether a channel is in maintenance: neither acted on nor a candidate.",
        of: Of::Channel(|c, s| s.add(&[], flag(c.maintenance.is_some()))),
    },
    Family {
        name: "trunkwarden_channel_hold_down_penalty",
        help: "The hold-down penalty of a channel's moves, in block periods, halving each half-life; absent without one.",
        of: Of::Channel(|c, s| s.maybe(c.explanation.hold_down.map(|held| held.penalty_after(s.now.since(c.as_of))))),
    },
    Family {
        name: "trunkwarden_channel_blocked_seconds",
        help: "Time left of the block on a channel's route after a move; absent without one.",
        of: Of::Channel(|c, s| s.maybe(c.blocked_for_at(s.now).map(|left| left.as_secs_f64()))),
    },
    Family {
        name: "trunkwarden_stranded_seconds",
        help: "How long a channel's traffic has been on a trunk that is down, by what holds it there; absent where it is not.",
        of: Of::Channel(|c, s| {
            if let Some((reason, since)) = stranded::of(c, &s.snapshot, s.now) {
                s.add(&[("reason", reason)], since.as_secs_f64());
            }
        }),
    },
    Family {
        name: "trunkwarden_no_candidate",
        help: "Whether a channel's traffic has to move and no candidate is fit to take it.",
        of: Of::Channel(|c, s| s.add(&[], flag(c.no_candidate))),
    },
];

fn flag(yes: bool) -> f64 {
    if yes { 1.0 } else { 0.0 }
}

fn held(snapshot: &Snapshot, series: &mut Series) {
    let mut channels: BTreeMap<(&TenantId, &str), u32> = BTreeMap::new();
    for (key, report) in snapshot.channels.iter() {
        if let Some(why) = report.held {
            *channels.entry((&key.tenant, why)).or_default() += 1;
        }
    }
    for ((tenant, why), count) in channels {
        series.add(&[("tenant", tenant.as_str()), ("why", why)], f64::from(count));
    }
}

/// The series of one piece; `common` are the labels that whatever is being told has anyway.
#[derive(Default)]
struct Series {
    common: Vec<LabelPair>,
    /// The moment of the scrape.
    now: Time,
    snapshot: Arc<Snapshot>,
    metrics: Vec<Metric>,
}

impl Series {
    fn add(&mut self, labels: &[(&str, &str)], value: f64) {
        let mut all = self.common.clone();
        all.extend(labels.iter().map(|(name, value)| label(name, value)));
        let mut gauge = Gauge::default();
        gauge.set_value(value);
        let mut metric = Metric::from_label(all);
        metric.set_gauge(gauge);
        self.metrics.push(metric);
    }

    /// No value is no series, never a zero.
    fn maybe(&mut self, value: Option<f64>) {
        if let Some(value) = value {
            self.add(&[], value);
        }
    }
}

fn label(name: &str, value: &str) -> LabelPair {
    let mut pair = LabelPair::default();
    pair.set_name(name.to_owned());
    pair.set_value(value.to_owned());
    pair
}

/// The answer, piece by piece.
struct Pieces {
    counted: Option<Vec<MetricFamily>>,
    snapshot: Arc<Snapshot>,
    now: Time,
    /// Which family comes next, or is being written.
    family: usize,
    /// The last channel of it that was written.
    after: Option<ChannelKey>,
}

impl Iterator for Pieces {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if let Some(families) = self.counted.take() {
            return Some(encode(&families));
        }
        loop {
            let family = FAMILIES.get(self.family)?;
            let first = self.after.is_none();
            let metrics = self.series(family);
            if !metrics.is_empty() {
                return Some(text(family, metrics, first));
            }
        }
    }
}

impl Pieces {
    /// The next series of `family`, moving on to the next family where these are its last.
    fn series(&mut self, family: &Family) -> Vec<Metric> {
        let snapshot = Arc::clone(&self.snapshot);
        let mut series = Series { now: self.now, snapshot: Arc::clone(&snapshot), ..Series::default() };
        match family.of {
            Of::Daemon(read) => read(&snapshot, &mut series),
            Of::Tenant(read) => {
                for (id, tenant) in &snapshot.tenants {
                    series.common = vec![label("tenant", id.as_str())];
                    read(tenant, &mut series);
                }
            }
            Of::Channel(read) => {
                let start = self.after.take().map_or(Bound::Unbounded, Bound::Excluded);
                for (n, (key, report)) in snapshot.channels.range((start, Bound::Unbounded)).enumerate() {
                    series.common = vec![label("tenant", key.tenant.as_str()), label("channel", key.channel.as_str())];
                    read(report, &mut series);
                    if n + 1 >= PIECE && !series.metrics.is_empty() {
                        self.after = Some(key.clone());
                        return series.metrics;
                    }
                }
            }
        }
        self.family += 1;
        series.metrics
    }
}

/// A family's head stands once, before its first piece.
fn text(family: &Family, metrics: Vec<Metric>, first: bool) -> Bytes {
    let mut proto = MetricFamily::default();
    proto.set_name(family.name.to_owned());
    proto.set_help(family.help.to_owned());
    proto.set_field_type(MetricType::GAUGE);
    proto.set_metric(metrics);
    let whole = encode(&[proto]);
    if first { whole } else { without_head(&whole) }
}

/// `# HELP` and `# TYPE` are the first two lines.
fn without_head(text: &Bytes) -> Bytes {
    let start = text.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(at, _)| at + 1).nth(1).unwrap_or(0);
    text.slice(start..)
}

fn encode(families: &[MetricFamily]) -> Bytes {
    // Fails on a family without series or name only, and there is none.
    Bytes::from(TextEncoder::new().encode_to_string(families).unwrap_or_default())
}
