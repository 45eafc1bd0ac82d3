//! Which endpoints a platform slows down by its 429s. Pure: time comes in as an argument.
//!
//! The first 429 of an endpoint slows that endpoint alone; one of another endpoint within a minute says that the whole tenant is
//! meant. Must never: concern an action.

use super::super::endpoint::Endpoint;
use super::{BETWEEN_CUTS, WINDOW};
use crate::policy::Time;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// An endpoint that has sent fewer in the last minute counts as if it had sent so many: what was refused has to have places to go again in.
const FEW: u32 = 10;

/// The endpoints of one tenant. Bounded: there are nine of them, and each has sent what the limit allows.
#[derive(Debug, Default)]
pub struct Endpoints(BTreeMap<Endpoint, State>);

#[derive(Debug, Default)]
struct State {
    /// When it sent in the last minute.
    sent: VecDeque<Time>,
    refused_at: Option<Time>,
    not_before: Time,
    slowed: Option<Slowed>,
}

/// Fewer requests a minute than the limit allows.
#[derive(Debug)]
struct Slowed {
    limit: u32,
    cut_at: Time,
    quiet_since: Time,
}

impl Endpoints {
    /// A request of it is about to leave.
    pub fn sends(&mut self, now: Time, endpoint: Endpoint) {
        self.0.entry(endpoint).or_default().sent.push_back(now);
    }

    /// Such a request came back unused.
    pub fn takes_back(&mut self, sent: Time, endpoint: Endpoint) {
        let Some(state) = self.0.get_mut(&endpoint) else { return };
        if let Some(at) = state.sent.iter().rposition(|at| *at == sent) {
            state.sent.remove(at);
        }
    }

    /// It answered 429: nothing more of it for `pause`, and then a quarter less of it than in the minute before. Whether
    /// another one did so within a minute.
    pub fn throttled(&mut self, now: Time, endpoint: Endpoint, pause: Duration) -> bool {
        let lately = |state: &State| state.refused_at.is_some_and(|at| now.since(at) < WINDOW);
        let others = self.0.iter().any(|(other, state)| *other != endpoint && lately(state));
        let state = self.0.entry(endpoint).or_default();
        state.refused_at = Some(now);
        state.not_before = state.not_before.max(now + pause);
        let sent = u32::try_from(state.sent.len()).unwrap_or(u32::MAX);
        let lower = |limit: u32| (limit - limit.div_ceil(4)).max(1);
        let slowed =
            state.slowed.get_or_insert_with(|| Slowed { limit: lower(sent.max(FEW)), cut_at: now, quiet_since: now });
        slowed.quiet_since = now;
        if now.since(slowed.cut_at) >= BETWEEN_CUTS {
            (slowed.limit, slowed.cut_at) = (lower(slowed.limit), now);
        }
        others
    }

    /// Lets time pass: a slowed one rises by a tenth of `limit` for each minute without a 429, until that is reached.
    pub fn advance(&mut self, now: Time, limit: u32) {
        for state in self.0.values_mut() {
            while state.sent.front().is_some_and(|at| *at + WINDOW <= now) {
                state.sent.pop_front();
            }
            if let Some(slowed) = &mut state.slowed {
                while slowed.limit < limit && now.since(slowed.quiet_since) >= WINDOW {
                    slowed.limit = slowed.limit.saturating_add((limit / 10).max(1));
                    slowed.quiet_since = slowed.quiet_since + WINDOW;
                }
            }
            state.slowed.take_if(|slowed| slowed.limit >= limit);
        }
    }

    /// Whether a request of it may leave now. After [`Endpoints::advance`].
    pub fn may_send(&self, now: Time, endpoint: Endpoint) -> bool {
        self.0.get(&endpoint).is_none_or(|state| now >= state.not_before && !state.is_full())
    }

    /// Requests a minute that are left to looks; `None`: they are not slowed.
    pub fn looks(&self) -> Option<u32> {
        let limit = |of| self.0.get(&of)?.slowed.as_ref().map(|slowed| slowed.limit);
        [Endpoint::Channel, Endpoint::Channels].into_iter().filter_map(limit).min()
    }

    /// When one that is held could send again at the earliest. After [`Endpoints::advance`].
    pub fn next_change(&self, now: Time) -> Option<Time> {
        let of = |state: &State| {
            let resumed = (state.not_before > now).then_some(state.not_before);
            let freed = state.sent.front().filter(|_| state.is_full()).map(|at| *at + WINDOW);
            let raised = state.slowed.as_ref().map(|slowed| slowed.quiet_since + WINDOW);
            [resumed, freed, raised].into_iter().flatten().min()
        };
        self.0.values().filter_map(of).min()
    }
}

impl State {
    fn is_full(&self) -> bool {
        self.slowed.as_ref().is_some_and(|slowed| self.sent.len() >= slowed.limit as usize)
    }
}
