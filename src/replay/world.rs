//! What the platform would have shown, had the replayed decisions been the real ones.
//!
//! The model, all of it: an action is answered as applied at once. From then on the channel's route (or codec order) is
//! the one that the replay chose, until someone else changes the real one, which then counts here too; routes that the
//! real daemon set are not someone else's. A look for which the engine asks is answered by the next recorded look, even
//! one of a list; where none comes within a second, by what the channel last showed. A status `active` that is but the
//! echo of a real failover tells nothing here. Telemetry is as measured, whatever route and codecs were really in use:
//! what the replayed ones would have measured, nobody knows.

use crate::policy::{Action, ActionKind, ChannelId, ChannelKey, ChannelView, Codec, Observation, OpId, Source, Time};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Duration;

/// A look that was asked for is answered after this time, where no recorded one came.
const ANSWER_AFTER: Duration = Duration::from_secs(1);
/// Routes and codec orders of the real daemon that are remembered, for each channel.
const REMEMBERED: usize = 8;

/// See the module.
#[derive(Debug, Default)]
pub struct World {
    last: HashMap<ChannelKey, Observation>,
    asked: BTreeMap<ChannelKey, Time>,
    apart: HashMap<ChannelKey, Apart>,
    /// Real actions whose outcome counts here.
    shared: BTreeSet<OpId>,
}

/// What the engine is to be told.
#[derive(Debug)]
pub enum Shown {
    /// What was recorded.
    AsItIs,
    /// This in its place.
    Otherwise(Observation),
    /// Nothing.
    Nothing,
}

/// A channel on which either daemon acted.
#[derive(Debug)]
struct Apart {
    /// The real route as last shown, and those that the real daemon set.
    real: ChannelId,
    set: VecDeque<ChannelId>,
    /// The replay's route.
    own: ChannelId,
    /// Whether the real `active` is an echo.
    echo: bool,
    /// The replay's codec order; `None`: the real one. And the orders of the real daemon.
    order: Option<Vec<Codec>>,
    orders: VecDeque<Vec<Codec>>,
}

impl World {
    /// What the engine is to be told in place of `real`, which may answer a look that it asked for.
    pub fn show(&mut self, channel: &ChannelKey, real: &mut Observation) -> Shown {
        if !self.asked.is_empty() {
            self.promote(channel, real);
        }
        if self.apart.is_empty() { Shown::AsItIs } else { self.adapt(channel, real) }
    }

    /// Remembers what was really shown.
    pub fn keep(&mut self, channel: &ChannelKey, real: Observation) {
        if matches!(real, Observation::Telemetry(_)) {
            return;
        }
        match self.last.get_mut(channel) {
            Some(last) => *last = real,
            None => {
                self.last.insert(channel.clone(), real);
            }
        }
    }

    /// The engine asks for a look.
    pub fn ask(&mut self, now: Time, channel: ChannelKey) {
        self.asked.entry(channel).or_insert(now);
    }

    /// When the first look that was asked for is to be answered without a recorded one.
    pub fn due(&self) -> Option<Time> {
        self.asked.values().min().map(|at| *at + ANSWER_AFTER)
    }

    /// Answers to what is due at `now`, by what each channel last showed.
    pub fn answers(&mut self, now: Time) -> Vec<(ChannelKey, Observation)> {
        let due = |at: &Time| *at + ANSWER_AFTER <= now;
        let channels: Vec<ChannelKey> = self.asked.iter().filter(|(_, at)| due(at)).map(|(c, _)| c.clone()).collect();
        self.asked.retain(|_, at| !due(at));
        let answer = |channel: ChannelKey| {
            let mut last = self.last.get(&channel)?.clone();
            match &mut last {
                Observation::Look { asked_at, source, .. } => (*asked_at, *source) = (now, Source::Single),
                Observation::Missing { asked_at } => *asked_at = now,
                Observation::Failed { .. } | Observation::Telemetry(_) => return None,
            }
            match self.adapt(&channel, &last) {
                Shown::AsItIs => Some((channel, last)),
                Shown::Otherwise(shown) => Some((channel, shown)),
                Shown::Nothing => None,
            }
        };
        channels.into_iter().filter_map(answer).collect()
    }

    /// The replay acts: it shows at once.
    pub fn act(&mut self, action: &Action) {
        let apart = self.apart(&action.channel);
        match &action.kind {
            ActionKind::Failover { to, .. } => apart.own = to.clone(),
            ActionKind::Failback { .. } => apart.own = action.channel.channel.clone(),
            ActionKind::Codec { order, .. } => apart.order = Some(order.clone()),
        }
    }

    /// A real action was in flight when the replay began: its outcome counts here too.
    pub fn adopted(&mut self, action: &Action) {
        self.shared.insert(action.op);
    }

    /// A real action is over; its number, where it counts here too.
    pub fn over(&mut self, op: OpId) -> Option<OpId> {
        self.shared.remove(&op).then_some(op)
    }

    /// Another process goes on: it has asked for nothing yet.
    pub fn forget_asked(&mut self) {
        self.asked.clear();
        self.shared.clear();
    }

    /// The real daemon acted.
    pub fn really_acted(&mut self, action: &Action) {
        let apart = self.apart(&action.channel);
        let target = match &action.kind {
            ActionKind::Failover { to, .. } => {
                apart.echo = true;
                to.clone()
            }
            ActionKind::Failback { .. } => action.channel.channel.clone(),
            ActionKind::Codec { order, before, .. } => {
                apart.order.get_or_insert_with(|| before.clone());
                for known in [before, order] {
                    remember(&mut apart.orders, known.clone());
                }
                return;
            }
        };
        remember(&mut apart.set, target);
    }

    fn apart(&mut self, channel: &ChannelKey) -> &mut Apart {
        let home = &channel.channel;
        let last = self.last.get(channel);
        self.apart.entry(channel.clone()).or_insert_with(|| {
            let route = match last {
                Some(Observation::Look { view, .. }) => view.primary.clone(),
                _ => None,
            };
            let route = route.unwrap_or_else(|| home.clone());
            let (set, orders) = (VecDeque::new(), VecDeque::new());
            Apart { real: route.clone(), set, own: route, echo: false, order: None, orders }
        })
    }

    /// A recorded look answers the one that was asked for.
    fn promote(&mut self, channel: &ChannelKey, real: &mut Observation) {
        let Some(since) = self.asked.get(channel).copied() else { return };
        let answered = match real {
            Observation::Look { asked_at, source, .. } if *asked_at >= since => {
                *source = Source::Single;
                true
            }
            Observation::Missing { asked_at } => *asked_at >= since,
            _ => false,
        };
        if answered {
            self.asked.remove(channel);
        }
    }

    fn adapt(&mut self, channel: &ChannelKey, real: &Observation) -> Shown {
        let Observation::Look { asked_at, source, view } = real else { return Shown::AsItIs };
        let Some(apart) = self.apart.get_mut(channel) else { return Shown::AsItIs };
        let mut view = view.clone();
        if !apart.adapt(&channel.channel, &mut view) {
            return Shown::Nothing;
        }
        Shown::Otherwise(Observation::Look { asked_at: *asked_at, source: *source, view })
    }
}

impl Apart {
    /// Puts the replay's route and order in place of the real ones. Whether the look tells anything.
    fn adapt(&mut self, home: &ChannelId, view: &mut ChannelView) -> bool {
        let read = view.primary.clone().unwrap_or_else(|| home.clone());
        if read != self.real {
            if !self.set.contains(&read) {
                self.own = read.clone();
            }
            self.real = read;
        }
        view.primary = Some(self.own.clone());
        if let (Some(order), Some(read)) = (&self.order, &mut view.codecs) {
            if self.orders.is_empty() {
                remember(&mut self.orders, read.clone());
            }
            if self.orders.contains(read) {
                read.clone_from(order);
            } else {
                self.order = None;
            }
        }
        let echo = view.status.as_deref() == Some("active");
        self.echo &= echo || self.real == *home;
        !(self.echo && echo)
    }
}

fn remember<T: PartialEq>(known: &mut VecDeque<T>, one: T) {
    if known.contains(&one) {
        return;
    }
    if known.len() == REMEMBERED {
        known.pop_front();
    }
    known.push_back(one);
}

#[cfg(test)]
mod tests;
