//! One sweep of a tenant's list instead of a `GET` for each of its channels.
//!
//! A sweep feeds every channel of the tenant that is not suspect; those that it did not show are asked for singly, and only
//! that answer may say that a channel is missing. A tenant without a list, or whose list is longer than asking one by one,
//! is asked one by one for a while, then tried again.

use super::{Done, Prober, Seen, look};
use crate::platform::{Answer, Class, ErrorClass, ListPage, Platform, PlatformError};
use crate::policy::{ChannelId, ChannelKey, ChannelView, Observation, Source, TenantId, Time};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Below this many routine channels a list saves nothing.
const WORTH_A_LIST: usize = 4;
/// How long a tenant without a (useful) list is asked one by one before the list is tried again.
const LIST_OFF_FOR: Duration = Duration::from_mins(10);

/// One page, on its way to the prober's loop.
pub(super) struct Page {
    tenant: TenantId,
    as_of: Time,
    asked_at: Time,
    took: Duration,
    date: Option<crate::policy::WallMs>,
    channels: Vec<(ChannelId, ChannelView)>,
    malformed: u32,
}

/// A sweep that is over.
pub(super) struct Swept {
    tenant: TenantId,
    started: Time,
    pages: usize,
    end: End,
}

enum End {
    Whole,
    TooLong,
    Failed(PlatformError),
}

impl Prober {
    /// Starts (or joins) a sweep where that is cheaper than looking at this channel alone; `false`: look at it alone.
    pub(super) fn sweep_instead(&mut self, channel: &ChannelKey) -> bool {
        let now = self.clock.now();
        match self.tenants.get(&channel.tenant) {
            Some(tenant) if tenant.sweeping => return true,
            Some(tenant) if tenant.list_off_until.is_none_or(|until| now >= until) => {}
            _ => return false,
        }
        let routine = self.routine(&channel.tenant).count();
        let Some(timeout) = self.channels.get(channel).map(|w| w.cadence.timeout) else { return false };
        let Some(tenant) = self.tenants.get_mut(&channel.tenant) else { return false };
        if routine < WORTH_A_LIST {
            return false;
        }
        tenant.sweeping = true;
        tenant.swept.clear();
        let most = (routine / 2).max(1);
        let (id, platform, done) = (channel.tenant.clone(), Arc::clone(&tenant.platform), self.done.0.clone());
        self.requests.spawn(sweep(id, platform, most, timeout, now, done));
        true
    }

    pub(super) async fn page(&mut self, page: Page) {
        let Page { tenant, as_of, asked_at, took, date, channels, malformed } = page;
        self.note_answer(&tenant, date).await;
        self.note_age(&tenant, asked_at, as_of);
        (0..malformed).for_each(|_| self.counters.malformed(tenant.as_str()));
        for (id, view) in channels {
            let key = ChannelKey { tenant: tenant.clone(), channel: id };
            if !self.channels.contains_key(&key) {
                continue;
            }
            self.counters.poll(tenant.as_str(), "ok", took);
            if let Some(state) = self.tenants.get_mut(&tenant) {
                state.swept.insert(key.channel.clone());
            }
            let observation = Observation::Look { asked_at: as_of, source: Source::List, view };
            self.tell(Seen::Channel(key, observation, None)).await;
        }
    }

    pub(super) async fn swept(&mut self, swept: Swept) {
        let Swept { tenant, started, pages, end } = swept;
        let now = self.clock.now();
        let channels: Vec<ChannelKey> = self.routine(&tenant).map(|(key, _)| key.clone()).collect();
        let Some(state) = self.tenants.get_mut(&tenant) else { return };
        state.sweeping = false;
        let shown = std::mem::take(&mut state.swept);
        let mut failed = None;
        match end {
            End::Whole => state.pages = Some(pages),
            End::TooLong => state.turn_list_off(now + LIST_OFF_FOR),
            End::Failed(error) => {
                let no_list = !matches!(error.class, ErrorClass::Retryable | ErrorClass::NotAuthorised);
                if no_list {
                    tracing::info!(%tenant, %error, "no usable list of channels; asking one by one");
                    state.turn_list_off(now + LIST_OFF_FOR);
                } else {
                    self.note_error(&tenant, now, error.look, &error).await;
                    failed = Some(error.look);
                }
            }
        }
        for channel in channels {
            if shown.contains(&channel.channel) {
                self.rearm(&channel);
            } else if let Some(error) = failed {
                self.counters.poll(tenant.as_str(), look::label(error), now.since(started));
                let observation = Observation::Failed { asked_at: started, error };
                self.tell(Seen::Channel(channel.clone(), observation, None)).await;
                self.rearm(&channel);
            } else {
                self.look(channel, Class::Poll);
            }
        }
        self.replan().await;
    }

    fn rearm(&mut self, channel: &ChannelKey) {
        if let Some(next) = self.next_in(channel) {
            self.arm(channel, next);
        }
    }
}

/// Brings page after page; ends at the last, at the first error, or when asking one by one would have been cheaper.
async fn sweep(
    tenant: TenantId,
    platform: Arc<dyn Platform>,
    most: usize,
    timeout: Duration,
    started: Time,
    done: mpsc::Sender<Done>,
) {
    let (mut pages, mut next) = (0, None);
    let end = loop {
        if pages == most {
            break End::TooLong;
        }
        match platform.channels(next.as_deref(), Class::Poll, timeout).await {
            Ok(answer) => {
                pages += 1;
                let (page, following) = unpack(&tenant, answer);
                if done.send(Done::Page(page)).await.is_err() {
                    return;
                }
                match following {
                    Some(following) => next = Some(following),
                    None => break End::Whole,
                }
            }
            Err(error) => break End::Failed(error),
        }
    };
    let _ = done.send(Done::Sweep(Swept { tenant, started, pages, end })).await;
}

fn unpack(tenant: &TenantId, answer: Answer<ListPage>) -> (Page, Option<String>) {
    let Answer { value: ListPage { channels, malformed, next }, as_of, asked_at, answered_at, date } = answer;
    let channels = channels.iter().map(|doc| (doc.id().clone(), doc.view())).collect();
    let took = answered_at.since(asked_at);
    (Page { tenant: tenant.clone(), as_of, asked_at, took, date, channels, malformed }, next)
}
