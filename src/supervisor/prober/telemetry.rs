//! One telemetry query for many channels, or one for each where the platform does not say whose an item is.
//!
//! The span ends at the platform's own now, as its `Date` told it. A query that fails costs one round of telemetry and
//! nothing else.

use super::{Done, Due, Prober, Seen};
use crate::platform::{Answer, Platform, PlatformError, TelemetryAnswer, TelemetryQuery};
use crate::policy::{ChannelId, ChannelKey, Observation, Sample, TelemetryParams, TelemetryReading, TenantId, WallMs};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Channels in one query.
pub(super) const PER_QUERY: usize = 100;
/// How long one query may take.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A round of telemetry that is over.
pub(super) struct Asked {
    tenant: TenantId,
    group: usize,
    epoch: u64,
    readings: Vec<(ChannelId, TelemetryReading)>,
    one_by_one: bool,
    malformed: u32,
    date: Option<WallMs>,
    error: Option<PlatformError>,
}

impl Prober {
    pub(super) fn telemetry_due(&mut self, id: TenantId, group: usize, epoch: u64) {
        let platform_now = self.clock.wall();
        let Some(tenant) = self.tenants.get(&id) else { return };
        let Some(params) = tenant.telemetry.get(group).filter(|_| tenant.epoch == epoch) else { return };
        let channels: Vec<ChannelId> = self.measured(&id, params).cloned().collect();
        if channels.is_empty() {
            let next = params.interval.mul_f64(tenant.stretch);
            self.queue.insert(Due::Telemetry(id, group, epoch), next);
            return;
        }
        let to = WallMs(platform_now.0 - tenant.skew_ms.unwrap_or(0));
        let round = Round {
            platform: Arc::clone(&tenant.platform),
            params: *params,
            to,
            one_by_one: tenant.one_by_one,
            asked: Asked {
                tenant: id,
                group,
                epoch,
                readings: Vec::new(),
                one_by_one: tenant.one_by_one,
                malformed: 0,
                date: None,
                error: None,
            },
        };
        let done = self.done.0.clone();
        self.requests.spawn(async move {
            let asked = round.run(&channels).await;
            let _ = done.send(Done::Telemetry(asked)).await;
        });
    }

    pub(super) async fn telemetry_asked(&mut self, asked: Asked) {
        let Asked { tenant: id, group, epoch, readings, one_by_one, malformed, date, error } = asked;
        (0..malformed).for_each(|_| self.counters.malformed(id.as_str()));
        match &error {
            None => self.note_answer(&id, date).await,
            Some(error) => self.note_error(&id, self.clock.now(), error.look, error).await,
        }
        for (channel, reading) in readings {
            let key = ChannelKey { tenant: id.clone(), channel };
            self.tell(Seen::Channel(key, Observation::Telemetry(reading), None)).await;
        }
        let Some(tenant) = self.tenants.get_mut(&id).filter(|t| t.epoch == epoch) else { return };
        tenant.one_by_one = one_by_one;
        if let Some(params) = tenant.telemetry.get(group) {
            let next = params.interval.mul_f64(tenant.stretch);
            self.queue.insert(Due::Telemetry(id, group, epoch), next);
        }
    }
}

struct Round {
    platform: Arc<dyn Platform>,
    params: TelemetryParams,
    to: WallMs,
    one_by_one: bool,
    asked: Asked,
}

impl Round {
    async fn run(mut self, channels: &[ChannelId]) -> Asked {
        for chunk in channels.chunks(PER_QUERY) {
            let asked_together = !self.one_by_one && chunk.len() > 1;
            let told_apart = if asked_together { self.ask(chunk).await } else { false };
            if !told_apart && self.asked.error.is_none() {
                for channel in chunk {
                    self.ask(std::slice::from_ref(channel)).await;
                    if self.asked.error.is_some() {
                        break;
                    }
                }
            }
            if self.asked.error.is_some() {
                break;
            }
        }
        self.asked.one_by_one = self.one_by_one;
        self.asked
    }

    /// Asks for these channels; `false` where the answer does not say whose its items are, or there was none.
    async fn ask(&mut self, channels: &[ChannelId]) -> bool {
        let from = self.to.back(self.params.window);
        let query = TelemetryQuery { channels: channels.to_vec(), bucket: self.params.bucket, from, to: self.to };
        match self.platform.telemetry(&query, TIMEOUT).await {
            Ok(answer) => self.sort(channels, from, answer),
            Err(error) => {
                self.asked.error = Some(error);
                false
            }
        }
    }

    fn sort(&mut self, channels: &[ChannelId], from: WallMs, answer: Answer<TelemetryAnswer>) -> bool {
        let Answer { value: TelemetryAnswer { items, malformed }, asked_at, date, .. } = answer;
        self.asked.date = date.or(self.asked.date);
        self.asked.malformed += malformed;
        if channels.len() > 1 && items.iter().any(|(whose, _)| whose.is_none()) {
            self.one_by_one = true;
            return false;
        }
        // A channel without items has no data, which is neither good nor bad, but its window moves on.
        let mut sorted: BTreeMap<&ChannelId, Vec<Sample>> = channels.iter().map(|id| (id, Vec::new())).collect();
        for (whose, sample) in items {
            let only = channels.first().filter(|_| channels.len() == 1);
            if let Some(samples) = whose.as_ref().or(only).and_then(|id| sorted.get_mut(id)) {
                samples.push(sample);
            }
        }
        let to = self.to;
        for (id, samples) in sorted {
            self.asked.readings.push((id.clone(), TelemetryReading { asked_at, from, to, samples }));
        }
        true
    }
}
