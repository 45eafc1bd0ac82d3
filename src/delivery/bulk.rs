//! Bulk metrics: every channel's quality over its window, as the platform's contract words it, queued like any delivery.
//!
//! Read from the snapshot. A channel without enough telemetry is left out, never sent as zeros; where none has any, nothing
//! is queued.

use crate::clock::{Clock, rfc3339};
use crate::config;
use crate::config::sink::{Bulk, BulkWhen};
use crate::journal::{Batch, Journal, OutboxChange};
use crate::policy::{ChannelReport, WallMs};
use crate::snapshot::{Snapshot, SnapshotCell};
use chrono::{DateTime, Utc};
use croner::Cron;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use uuid::{Builder, Uuid};

/// The longest sleep: a calendar that is set meanwhile is followed after it.
const LOOK_AT_THE_CALENDAR: Duration = Duration::from_secs(30);

/// The score below which a policy's codecs are to be re-prioritised, by the policy's name.
pub type Thresholds = BTreeMap<String, f64>;

/// The requests of one moment, `batch` channels in each at most.
pub fn payloads(snapshot: &Snapshot, thresholds: &Thresholds, at: WallMs, batch: usize) -> Vec<Value> {
    let metrics: Vec<Value> = snapshot.channels.values().filter_map(|report| metric(report, thresholds)).collect();
    metrics
        .chunks(batch.max(1))
        .map(|part| json!({ "export_type": "channel_quality_metrics", "generated_at": rfc3339(at), "metrics": part }))
        .collect()
}

fn metric(report: &ChannelReport, thresholds: &Thresholds) -> Option<Value> {
    let quality = report.quality?;
    let threshold = thresholds.get(&report.policy).copied();
    Some(json!({
        "channel_id": report.key.channel,
        "tenant": report.key.tenant,
        "avg_latency_ms": quality.latency_ms,
        "avg_jitter_ms": quality.jitter_ms,
        "avg_packet_loss_pct": quality.packet_loss_pct,
        "quality_score": quality.score,
        "mos": quality.mos,
        "samples": quality.samples,
        "optimization_required": threshold.is_some_and(|threshold| quality.score < threshold),
    }))
}

/// Queues the bulk metrics of one sink at their times.
pub struct Exporter {
    /// The sink's name in the outbox.
    pub sink: String,
    /// When and how many.
    pub bulk: Bulk,
    /// What is required of each policy's channels.
    pub thresholds: Thresholds,
    /// Where the channels are read.
    pub snapshot: SnapshotCell,
    /// The outbox.
    pub journal: Journal,
    /// Time.
    pub clock: Clock,
}

impl Exporter {
    /// Works until stopped.
    pub async fn run(self, stop: CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.all_times() => {}
        }
    }

    async fn all_times(&self) {
        match &self.bulk.when {
            BulkWhen::Every(interval) => loop {
                tokio::time::sleep(*interval).await;
                self.queue().await;
            },
            BulkWhen::Cron(cron) => {
                // The configuration was checked by the same parser.
                let Some(cron) = config::cron(cron) else { return };
                let mut after = self.clock.wall();
                while let Some(next) = following(&cron, after) {
                    self.reach(next).await;
                    // A calendar that jumped ahead does not make up for what it passed over.
                    after = WallMs(next.0.max(self.clock.wall().0.saturating_sub(1000)));
                    self.queue().await;
                }
            }
        }
    }

    async fn reach(&self, at: WallMs) {
        loop {
            let left = at.since(self.clock.wall());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(LOOK_AT_THE_CALENDAR)).await;
        }
    }

    async fn queue(&self) {
        let wall = self.clock.wall();
        let payloads = payloads(&self.snapshot.read(), &self.thresholds, wall, self.bulk.batch);
        let queue = |payload: Value| OutboxChange::Queue {
            sink: self.sink.clone(),
            id: id_at(wall),
            payload: payload.to_string(),
        };
        let outbox: Vec<OutboxChange> = payloads.into_iter().map(queue).collect();
        if outbox.is_empty() {
            return;
        }
        if let Err(error) = self.journal.submit(Batch { outbox, ..Batch::default() }).await {
            tracing::warn!(sink = self.sink, %error, "could not queue bulk metrics");
        }
    }
}

/// A UUIDv7 (RFC 9562) given at `wall`.
fn id_at(wall: WallMs) -> Uuid {
    Builder::from_unix_timestamp_millis(u64::try_from(wall.0).unwrap_or(0), &rand::random()).into_uuid()
}

/// The first moment of `cron` after `after`, in UTC.
fn following(cron: &Cron, after: WallMs) -> Option<WallMs> {
    let after: DateTime<Utc> = DateTime::from_timestamp_millis(after.0)?;
    cron.find_next_occurrence(&after, false).ok().map(|next| WallMs(next.timestamp_millis()))
}
