//! One telemetry query for many channels, or one for each where the platform does not say whose an item is.
//!
//! The span ends at the platform's own now, as its `Date` told it. Queries leave one after the other, no faster than telemetry's
//! share of the request limit. A query that fails costs its own channels one round and nobody else anything; one that is
//! refused as it stands is split until the channel that it is refused for is alone. That one is asked for alone in the next round,
//! and left out for a while where it is refused again: a fault of the platform that ends within a round looks just like it.

use super::super::spans;
use super::{Done, Due, Prober, Seen};
use crate::clock::Clock;
use crate::platform::{Answer, ErrorClass, Malformed, Platform, PlatformError, TelemetryAnswer, TelemetryQuery};
use crate::policy::{
    ChannelId, ChannelKey, LookError, Observation, Sample, TelemetryParams, TelemetryReading, TenantId, Time, WallMs,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tracing::Instrument;

/// Channels in one query.
pub(super) const PER_QUERY: usize = 100;
/// How long one query may take.
const TIMEOUT: Duration = Duration::from_secs(20);
/// How long channels are asked for one by one before they are asked for together again.
const ONE_BY_ONE_FOR: Duration = Duration::from_mins(10);
/// How long a channel for which the platform refuses a query is left out.
const LEFT_OUT_FOR: Duration = Duration::from_hours(1);
/// Queries refused one after the other, before it is not a channel that they are refused for.
const REFUSED_AT_MOST: u32 = 24;
/// Errors one after the other, before the rest of a round is given up.
const FAILED_AT_MOST: u32 = 3;
/// Rounds that brought nothing but errors, before it may be one channel that they come from.
const ROUNDS_IN_DOUBT: u32 = 3;

/// Which channels of a tenant are asked for by themselves, or not at all.
#[derive(Default)]
pub(super) struct Apart {
    one_by_one_until: Option<Time>,
    left_out: BTreeMap<ChannelId, Time>,
    /// Refused in the last round, while others were answered: asked for alone in the next one.
    suspects: BTreeSet<ChannelId>,
    /// Splitting found nothing: it is not tried before.
    whole_until: Option<Time>,
    failed_rounds: u32,
}

impl Apart {
    /// Whether each channel is asked for alone.
    pub(super) fn one_by_one(&self, now: Time) -> bool {
        self.one_by_one_until.is_some_and(|until| now < until)
    }

    fn asks_for(&mut self, now: Time, channel: &ChannelId) -> bool {
        self.left_out.remove(channel).is_none_or(|until| {
            let over = now >= until;
            if !over {
                self.left_out.insert(channel.clone(), until);
            }
            over
        })
    }
}

/// What one query brought, on its way to the prober's loop.
pub(super) struct Told {
    pub(super) tenant: TenantId,
    readings: Vec<(ChannelId, TelemetryReading)>,
    /// Items that say of nobody whose they are, where others do.
    nobodys: u32,
    date: Option<WallMs>,
}

/// A round of telemetry that is over.
pub(super) struct Asked {
    pub(super) tenant: TenantId,
    group: usize,
    epoch: u64,
    began: Time,
    answered: bool,
    /// Items came that say of nobody whose they are.
    nobodys: bool,
    /// Whom the last round suspected.
    suspects: BTreeSet<ChannelId>,
    culprits: Vec<ChannelId>,
    /// Everything was refused, however few were asked for.
    all_refused: bool,
    error: Option<PlatformError>,
}

impl Prober {
    pub(super) fn telemetry_due(&mut self, id: TenantId, group: usize, epoch: u64) {
        let now = self.clock.now();
        let Some(params) =
            self.tenants.get(&id).filter(|t| t.epoch == epoch).and_then(|t| t.telemetry.get(group)).copied()
        else {
            return;
        };
        let mut channels: Vec<ChannelId> = self.measured(&id, &params).cloned().collect();
        let Some(tenant) = self.tenants.get_mut(&id) else { return };
        let left_out = std::mem::take(&mut tenant.apart.left_out);
        tenant.apart.left_out = left_out.into_iter().filter(|(_, until)| now < *until).collect();
        channels.retain(|channel| tenant.apart.asks_for(now, channel));
        if channels.is_empty() {
            self.queue.insert(Due::Telemetry(id, group, epoch), tenant.share.pace.telemetry(&params));
            return;
        }
        let groups = tenant.telemetry.len().max(1) as f64;
        let apart = &tenant.apart;
        let suspects: BTreeSet<ChannelId> =
            channels.iter().filter(|channel| apart.suspects.contains(*channel)).cloned().collect();
        channels.retain(|channel| !suspects.contains(channel));
        let round = Round {
            platform: Arc::clone(&tenant.platform),
            clock: self.clock.clone(),
            done: self.done.0.clone(),
            params,
            skew_ms: tenant.skew_ms.unwrap_or(0),
            gap: Duration::from_secs_f64(60.0 * groups / tenant.share.telemetry.max(0.001)),
            one_by_one: apart.one_by_one(now),
            splits: apart.whole_until.is_none_or(|until| now >= until),
            doubtful: apart.failed_rounds >= ROUNDS_IN_DOUBT,
            refused: 0,
            failed: 0,
            asked: Asked {
                tenant: id,
                group,
                epoch,
                began: now,
                answered: false,
                nobodys: false,
                suspects,
                culprits: Vec::new(),
                all_refused: false,
                error: None,
            },
        };
        let span = spans::telemetry(&round.asked.tenant);
        self.requests.spawn(round.run(channels).instrument(span));
    }

    pub(super) async fn telemetry_told(&mut self, told: Told) {
        let Told { tenant, readings, nobodys, date } = told;
        self.counters.malformed(tenant.as_str(), Malformed::Telemetry, nobodys);
        self.note_answer(&tenant, date).await;
        for (channel, reading) in readings {
            let key = ChannelKey { tenant: tenant.clone(), channel };
            self.tell(Seen::Channel(key, Observation::Telemetry(reading), None)).await;
        }
    }

    pub(super) async fn telemetry_asked(&mut self, asked: Asked) {
        let Asked { tenant: id, group, epoch, began, answered, nobodys, suspects, culprits, all_refused, error } =
            asked;
        let now = self.clock.now();
        if let Some(error) = &error {
            self.note_error(&id, now, error.look, error).await;
        }
        let Some(tenant) = self.tenants.get_mut(&id) else { return };
        let apart = &mut tenant.apart;
        if nobodys {
            apart.one_by_one_until = Some(now + ONE_BY_ONE_FOR);
        }
        apart.failed_rounds = if answered || error.is_none() { 0 } else { apart.failed_rounds.saturating_add(1) };
        if all_refused {
            apart.whole_until = Some(now + ONE_BY_ONE_FOR);
        }
        apart.suspects.retain(|channel| !suspects.contains(channel));
        for channel in culprits {
            if suspects.contains(&channel) {
                tracing::warn!(%channel, "the platform refuses telemetry of this channel; not asked again for an hour");
                apart.left_out.insert(channel, now + LEFT_OUT_FOR);
            } else {
                apart.suspects.insert(channel);
            }
        }
        if let Some(params) = tenant.telemetry.get(group).filter(|_| tenant.epoch == epoch) {
            let next = (began + tenant.share.pace.telemetry(params)).since(now);
            self.queue.insert(Due::Telemetry(id, group, epoch), next);
        }
    }
}

struct Round {
    platform: Arc<dyn Platform>,
    clock: Clock,
    done: mpsc::Sender<Done>,
    params: TelemetryParams,
    skew_ms: i64,
    /// From one query to the next.
    gap: Duration,
    one_by_one: bool,
    /// Whether a query that is refused is split.
    splits: bool,
    /// Whether an error may come from one channel, too.
    doubtful: bool,
    /// Queries refused, and failed, one after the other.
    refused: u32,
    failed: u32,
    asked: Asked,
}

impl Round {
    async fn run(mut self, channels: Vec<ChannelId>) {
        let each = if self.one_by_one { 1 } else { PER_QUERY };
        let mut parts: Vec<Vec<ChannelId>> = channels.chunks(each).map(<[ChannelId]>::to_vec).collect();
        parts.extend(self.asked.suspects.iter().map(|channel| vec![channel.clone()]));
        parts.reverse();
        while let Some(part) = parts.pop() {
            match self.ask(&part).await {
                Ok(singly) => parts.extend(singly.into_iter().rev().map(|channel| vec![channel])),
                Err(error) if self.is_of_the_query(&error) => {
                    self.refused += 1;
                    if !self.splits || self.refused > REFUSED_AT_MOST {
                        self.asked.all_refused = self.splits && !self.asked.answered;
                        self.asked.error = Some(error);
                        break;
                    }
                    match part.split_at_checked(part.len() / 2) {
                        Some((left, right)) if !left.is_empty() => {
                            parts.push(right.to_vec());
                            parts.push(left.to_vec());
                        }
                        _ => {
                            self.asked.culprits.extend(part);
                            self.asked.error = Some(error);
                        }
                    }
                }
                Err(error) => {
                    self.failed += 1;
                    let over = self.failed >= FAILED_AT_MOST || error.look == LookError::NotAuthorised;
                    self.asked.error = Some(error);
                    if over {
                        break;
                    }
                }
            }
            if !parts.is_empty() {
                tokio::time::sleep(self.gap).await;
            }
        }
        if self.asked.answered {
            // The channel that it was refused for is known by name.
            self.asked.error.take_if(|error| refuses(error));
        } else {
            self.asked.culprits.clear();
        }
        let _ = self.done.send(Done::TelemetryOver(self.asked)).await;
    }

    /// Whether the platform will not have the query as it stands, whoever it is because of.
    fn is_of_the_query(&self, error: &PlatformError) -> bool {
        let doubtful =
            self.doubtful && matches!(error.look, LookError::Server | LookError::Malformed | LookError::Timeout);
        refuses(error) || doubtful
    }

    /// Asks for these channels; those that have to be asked for alone after it.
    async fn ask(&mut self, channels: &[ChannelId]) -> Result<Vec<ChannelId>, PlatformError> {
        let to = WallMs(self.clock.wall().0 - self.skew_ms);
        let from = to.back(self.params.window);
        let query = TelemetryQuery { channels: channels.to_vec(), bucket: self.params.bucket, from, to };
        let answer = self.platform.telemetry(&query, TIMEOUT).await?;
        (self.refused, self.failed, self.asked.answered) = (0, 0, true);
        let Answer { value: TelemetryAnswer { items, .. }, asked_at, date, .. } = answer;
        let only = channels.first().filter(|_| channels.len() == 1);
        // A channel without items has no data, which is neither good nor bad, but its window moves on.
        let mut sorted: BTreeMap<&ChannelId, Vec<Sample>> = channels.iter().map(|id| (id, Vec::new())).collect();
        let (mut nobodys, mut somebodys) = (0, false);
        for (whose, sample) in items {
            match whose.as_ref().or(only) {
                Some(id) => {
                    somebodys = true;
                    if let Some(samples) = sorted.get_mut(id) {
                        samples.push(sample);
                    }
                }
                None => nobodys += 1,
            }
        }
        let (mut singly, mut lost) = (Vec::new(), 0);
        if nobodys > 0 {
            // Whoever has no item of its own may be the one whose name is lacking.
            sorted.retain(|id, samples| {
                let known = !samples.is_empty();
                if !known {
                    singly.push((*id).clone());
                }
                known
            });
            if somebodys {
                lost = nobodys;
            } else {
                self.asked.nobodys = true;
            }
        }
        let reading = |samples| TelemetryReading { asked_at, from, to, samples };
        let readings = sorted.into_iter().map(|(id, samples)| (id.clone(), reading(samples))).collect();
        let told = Told { tenant: self.asked.tenant.clone(), readings, nobodys: lost, date };
        let _ = self.done.send(Done::Telemetry(told)).await;
        Ok(singly)
    }
}

/// Statuses that are about what was asked for, where they are not the word of something on the way that may be gone soon.
fn refuses(error: &PlatformError) -> bool {
    let too_large = error.look == LookError::Malformed && error.status.is_none();
    let of_query =
        matches!(error.status, Some(400 | 404 | 410 | 413 | 414 | 422)) && error.class != ErrorClass::Retryable;
    error.class != ErrorClass::NotAuthorised && (of_query || too_large)
}
