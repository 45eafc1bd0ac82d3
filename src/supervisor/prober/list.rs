//! One sweep of a tenant's list instead of a `GET` for each of its channels.
//!
//! A sweep feeds every channel that it shows, each once; routine ones that it did not show are asked for singly, and only that
//! answer may say that a channel is missing, or that it cannot be seen: a sweep that fails says nothing of any channel. A list
//! that fails again and again, is longer than asking one by one, slower, or is not there, is left alone for a while and then
//! tried beside the single looks.

use super::super::spans;
use super::{Done, Prober, Seen};
use crate::platform::{Answer, ChannelDoc, Class, ErrorClass, ListPage, Malformed, Pages, Platform, PlatformError};
use crate::policy::{ChannelId, ChannelKey, ChannelView, Observation, Source, TenantId, Time};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tracing::Instrument;

/// Below this many routine channels a list saves nothing.
pub(super) const WORTH_A_LIST: usize = 4;
/// How long a tenant without a (useful) list is asked one by one before the list is tried again.
const LIST_OFF_FOR: Duration = Duration::from_mins(10);
/// The same after the list failed twice in a row; it doubles up to [`LIST_OFF_FOR`].
const DOUBT_FOR: Duration = Duration::from_secs(30);
/// Rows on a page, until one was seen.
const ROWS_EXPECTED: usize = 50;

/// What is known of a tenant's list. Until one was tried, it is taken for a good one.
pub(super) struct List {
    pages: Option<usize>,
    /// Routine channels that the last sweep did not show.
    absent: usize,
    /// How long its pages took to be answered, all together.
    took: Duration,
    /// Sweeps that failed, in a row.
    failures: u32,
    off: Option<Off>,
    sweep: Option<Sweep>,
}

/// Asked one by one for now.
struct Off {
    until: Time,
}

/// A sweep under way.
struct Sweep {
    started: Time,
    /// Only tried: nobody waits for it.
    beside: bool,
    shown: HashSet<ChannelId>,
}

/// One page, on its way to the prober's loop.
pub(super) struct Page {
    pub(super) tenant: TenantId,
    started: Time,
    as_of: Time,
    asked_at: Time,
    took: Duration,
    date: Option<crate::policy::WallMs>,
    channels: Vec<(ChannelId, ChannelView)>,
}

/// A sweep that is over.
pub(super) struct Swept {
    pub(super) tenant: TenantId,
    started: Time,
    pages: usize,
    took: Duration,
    end: End,
}

enum End {
    /// Read to its end, or to the last channel that matters.
    Whole,
    TooLong,
    /// It goes round and round.
    Again(String),
    Failed(PlatformError),
}

impl List {
    pub(super) const fn new(pages: Option<usize>) -> Self {
        Self { pages, absent: 0, took: Duration::ZERO, failures: 0, off: None, sweep: None }
    }

    /// Requests that looking at all of `channels` once takes by it; `None`: they are asked one by one.
    pub(super) fn requests(&self, channels: usize) -> Option<usize> {
        let pages = self.pages.unwrap_or_else(|| channels.div_ceil(ROWS_EXPECTED)).max(1);
        self.off.is_none().then_some(pages + self.absent)
    }

    /// How long a sweep takes at the least.
    pub(super) fn takes(&self) -> Duration {
        if self.off.is_none() { self.took } else { Duration::ZERO }
    }

    fn turn_off(&mut self, until: Time) {
        self.off = Some(Off { until });
        self.took = Duration::ZERO;
    }

    /// Once it failed, it is tried again with the next look; after that ever more seldom.
    fn fails(&mut self, now: Time) {
        self.failures = self.failures.saturating_add(1);
        if let Some(doublings) = self.failures.checked_sub(2) {
            let doubt = DOUBT_FOR.saturating_mul(1 << doublings.min(10)).min(LIST_OFF_FOR);
            self.turn_off(now + doubt);
        }
    }
}

impl Prober {
    /// Starts (or joins) a sweep where that is cheaper than looking at this channel alone; `false`: look at it alone. `alone`: it
    /// is looked at alone at any rate.
    pub(super) fn sweep_instead(&mut self, channel: &ChannelKey, alone: bool) -> bool {
        let (now, id) = (self.clock.now(), &channel.tenant);
        let Some(tenant) = self.tenants.get(id) else { return false };
        if let Some(sweep) = &tenant.list.sweep {
            return !sweep.beside && !alone;
        }
        let beside = tenant.list.off.is_some();
        if alone && !beside {
            return false;
        }
        if tenant.list.off.as_ref().is_some_and(|off| now < off.until) {
            return false;
        }
        let wanted: HashSet<ChannelId> = self.routine(id).map(|(key, _)| key.channel.clone()).collect();
        if wanted.len() < WORTH_A_LIST {
            return false;
        }
        // A page may be as slow as the slowest look may be, whoever is due first.
        let Some(timeout) = self.watched(id).map(|(_, w)| w.cadence.timeout).max() else { return false };
        let most = (self.watched(id).count() / 2).max(1);
        let Some(tenant) = self.tenants.get_mut(id) else { return false };
        tenant.list.sweep = Some(Sweep { started: now, beside, shown: HashSet::new() });
        let reading = Reading {
            tenant: id.clone(),
            platform: Arc::clone(&tenant.platform),
            pages: Pages::new(most),
            wanted,
            timeout,
            started: now,
            done: self.done.0.clone(),
        };
        let span = spans::sweep(&reading.tenant);
        self.requests.spawn(reading.run().instrument(span));
        !beside
    }

    pub(super) async fn page(&mut self, page: Page) {
        let Page { tenant, started, as_of, asked_at, took, date, channels } = page;
        self.note_answer(&tenant, date).await;
        self.note_age(&tenant, asked_at, as_of);
        for (id, view) in channels {
            let key = ChannelKey { tenant: tenant.clone(), channel: id };
            if !self.channels.contains_key(&key) {
                continue;
            }
            let state = self.tenants.get_mut(&tenant);
            let Some(sweep) = state.and_then(|t| t.list.sweep.as_mut()).filter(|s| s.started == started) else {
                return;
            };
            if !sweep.shown.insert(key.channel.clone()) {
                // What stands there twice was seen once.
                self.counters.malformed(tenant.as_str(), Malformed::Repeated, 1);
                continue;
            }
            self.counters.poll(tenant.as_str(), "ok", took);
            let Some(watched) = self.channels.get_mut(&key) else { continue };
            watched.absent = false;
            if !watched.cadence.suspect && !watched.looking {
                (watched.from, watched.part, watched.alone) = (asked_at, 1.0, false);
                self.arm(&key);
            }
            let observation = Observation::Look { asked_at: as_of, source: Source::List, view };
            self.tell(Seen::Channel(key, observation, None)).await;
        }
    }

    pub(super) async fn swept(&mut self, swept: Swept) {
        let Swept { tenant, started, pages, took, end } = swept;
        let now = self.clock.now();
        let singly = self.stretch_of_singles(&tenant);
        let shortest = self.routine(&tenant).map(|(_, watched)| watched.cadence.interval).min();
        let watched = self.watched(&tenant).count();
        let Some(state) = self.tenants.get_mut(&tenant) else { return };
        let Some(sweep) = state.list.sweep.take_if(|sweep| sweep.started == started) else { return };
        let list = &mut state.list;
        let known = list.pages;
        match end {
            End::Whole | End::Again(_) => {
                (list.pages, list.took, list.failures, list.off) = (Some(pages), took, 0, None);
                // Slower than asking one by one would be.
                let slow = shortest.is_some_and(|shortest| took > shortest.mul_f64(singly));
                if slow {
                    tracing::info!(
                        ?took,
                        "the list of channels is slower than single looks; looking at channels one by one"
                    );
                    list.turn_off(now + LIST_OFF_FOR);
                }
                if let End::Again(why) = end
                    && state.should_log(crate::policy::LookError::Unexpected, now)
                {
                    tracing::warn!(
                        why,
                        "the list of channels has no end; channels it did not show are looked at one by one"
                    );
                }
            }
            // Where more channels are watched by now, more of it is worth reading.
            End::TooLong if pages < watched / 2 => {}
            End::TooLong => list.turn_off(now + LIST_OFF_FOR),
            End::Failed(error) if error.class == ErrorClass::Unsupported => {
                tracing::info!(%error, "the platform gives no list of channels; looking at channels one by one");
                list.pages = None;
                list.turn_off(now + LIST_OFF_FOR);
            }
            End::Failed(error) => {
                list.fails(now);
                self.counters.poll(tenant.as_str(), super::look::label(error.look), now.since(started));
                self.note_error(&tenant, now, error.look, &error).await;
            }
        }
        self.ask_the_rest(&tenant, &sweep).await;
        if let Some(pages) = self.tenants.get(&tenant).and_then(|t| t.list.pages).filter(|_| known != Some(pages)) {
            self.tell(Seen::Pages(tenant, pages)).await;
        }
    }

    /// Plans again after a sweep, and asks singly for the channels that it did not show.
    async fn ask_the_rest(&mut self, tenant: &TenantId, sweep: &Sweep) {
        let missed = || self.routine(tenant).filter(|(key, _)| !sweep.shown.contains(&key.channel));
        let waiting = missed().filter(|(_, watched)| watched.due.is_none() && !watched.looking);
        let waiting: Vec<ChannelKey> = waiting.map(|(key, _)| key.clone()).collect();
        let missed: Vec<ChannelKey> = missed().map(|(key, _)| key.clone()).collect();
        // Shown, and due once more before the sweep was over.
        let again = self.routine(tenant).filter(|(key, w)| sweep.shown.contains(&key.channel) && w.due.is_none());
        let again: Vec<ChannelKey> = again.filter(|(_, w)| !w.looking).map(|(key, _)| key.clone()).collect();
        let Some(state) = self.tenants.get_mut(tenant) else { return };
        // Of a sweep that failed, nothing is known of the rest.
        if state.list.failures == 0 && state.list.off.is_none() {
            state.list.absent = missed.len();
            if sweep.shown.is_empty() {
                tracing::info!("the list shows none of the watched channels; looking at channels one by one");
                state.list.turn_off(self.clock.now() + LIST_OFF_FOR);
            }
            for channel in missed {
                if let Some(watched) = self.channels.get_mut(&channel) {
                    watched.absent = true;
                }
            }
        }
        self.replan(tenant).await;
        for channel in &again {
            self.arm(channel);
        }
        self.catch_up(tenant, &waiting);
    }
}

/// Brings page after page; ends at the last, at the last channel that matters, at the first error, where it goes round and
/// round, or when asking one by one would have been cheaper.
struct Reading {
    tenant: TenantId,
    platform: Arc<dyn Platform>,
    pages: Pages,
    wanted: HashSet<ChannelId>,
    timeout: Duration,
    started: Time,
    done: mpsc::Sender<Done>,
}

impl Reading {
    async fn run(mut self) {
        let (mut next, mut took) = (None, Duration::ZERO);
        let end = loop {
            let answer = match self.platform.channels(next.as_deref(), Class::Poll, self.timeout).await {
                Ok(answer) => answer,
                Err(error) => break End::Failed(error),
            };
            took += answer.answered_at.since(answer.asked_at);
            let (page, following) = self.unpack(answer);
            let following = self.pages.next(page.channels.iter().map(|(id, _)| id.as_str()), following);
            page.channels.iter().for_each(|(id, _)| {
                self.wanted.remove(id);
            });
            if self.done.send(Done::Page(page)).await.is_err() {
                return;
            }
            match following {
                Ok(None) => break End::Whole,
                _ if self.wanted.is_empty() => break End::Whole,
                Ok(following) => next = following,
                Err(_) if self.pages.is_full() => break End::TooLong,
                Err(again) => break End::Again(again),
            }
        };
        let swept = Swept { tenant: self.tenant, started: self.started, pages: self.pages.read(), took, end };
        let _ = self.done.send(Done::Sweep(swept)).await;
    }

    fn unpack(&self, answer: Answer<ListPage>) -> (Page, Option<String>) {
        let Answer { value: ListPage { channels, next, .. }, as_of, asked_at, answered_at, date } = answer;
        let channels = channels.into_iter().map(ChannelDoc::into_view).collect();
        let (tenant, started, took) = (self.tenant.clone(), self.started, answered_at.since(asked_at));
        (Page { tenant, started, as_of, asked_at, took, date, channels }, next)
    }
}
