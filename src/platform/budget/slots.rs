//! The request budget's arithmetic: which waiter may send, and when. Pure: time comes in as an argument.
//!
//! A budget has `limit` slots. A request holds one from its grant until [`WINDOW`] after its answer or its abandonment,
//! so no span of [`WINDOW`] ever sees more than `limit` requests begun. Must never: hand out a slot that is held, let
//! anything but an action use the reserve, or leave a class unserved for ever.

use super::super::endpoint::Endpoint;
use super::slowed::Endpoints;
use super::{BETWEEN_CUTS, WINDOW};
use crate::platform::{BudgetReading, Class};
use crate::policy::Time;
use crate::policy::plan::reserve;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// Waiters at most in each class: a crowd of polls must not keep an action out.
pub const MAX_WAITING: usize = 100_000;
/// Requests a minute at most: each slot takes memory.
const MAX_LIMIT: u32 = 1_000_000;

/// A place in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

#[derive(Debug, Default)]
struct Lane {
    waiting: BTreeMap<Ticket, Endpoint>,
    granted: VecDeque<Time>,
    last_grant: Option<Time>,
}

/// A slot that nobody holds and that is not free yet.
#[derive(Clone, Copy, Debug)]
struct Cooling {
    frees_at: Time,
    /// Until when the platform counts the request that it was used for; not after now where there was none.
    counts_until: Time,
    /// Nothing is known of any such request.
    unknown: bool,
}

/// The slots of one tenant and who waits for them.
#[derive(Debug)]
pub struct Slots {
    configured: u32,
    limit: u32,
    in_flight: u32,
    cooling: VecDeque<Cooling>,
    lanes: [Lane; Class::ALL.len()],
    endpoints: Endpoints,
    next_ticket: u64,
    not_before: Time,
    last_cut: Option<Time>,
    quiet_since: Time,
}

impl Slots {
    /// `requests_per_minute` slots (1 to 1,000,000), none of them free at once: they come free evenly over the first minute, so
    /// that a start is no burst, and none before the request of the last minute that `recent` (ages) lays to it has ceased to
    /// count. `None`: nothing is known of the last minute, and it counts as full.
    pub fn new(requests_per_minute: u32, recent: Option<&[Duration]>, now: Time) -> Self {
        let configured = requests_per_minute.clamp(1, MAX_LIMIT);
        let slots = configured as usize;
        let mut left: Vec<Duration> = match recent {
            Some(ages) => ages.iter().map(|age| WINDOW.saturating_sub(*age)).filter(|left| !left.is_zero()).collect(),
            None => (0..configured).map(|i| share_of_window(i + 1, configured)).collect(),
        };
        left.sort_unstable();
        let unused = slots.saturating_sub(left.len());
        let cooling = std::iter::repeat_n(Duration::ZERO, unused)
            .chain(left)
            .zip(0u32..)
            .map(|(left, i)| Cooling {
                frees_at: now + left.max(share_of_window(i.saturating_add(1).min(configured), configured)),
                counts_until: now + left,
                unknown: recent.is_none(),
            })
            .collect();
        Self {
            configured,
            limit: configured,
            in_flight: 0,
            cooling,
            lanes: Default::default(),
            endpoints: Endpoints::default(),
            next_ticket: 0,
            not_before: Time::ZERO,
            last_cut: None,
            quiet_since: now,
        }
    }

    /// Takes a place at the end of the class's queue; `None` where [`MAX_WAITING`] wait there already.
    pub fn enqueue(&mut self, class: Class, endpoint: Endpoint) -> Option<Ticket> {
        if self.lane(class).waiting.len() >= MAX_WAITING {
            return None;
        }
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        self.lane(class).waiting.insert(ticket, endpoint);
        Some(ticket)
    }

    /// Gives the place up; nothing where it was served or given up before.
    pub fn cancel(&mut self, ticket: Ticket) {
        for lane in &mut self.lanes {
            lane.waiting.remove(&ticket);
        }
    }

    /// Serves one waiter where a slot may be used now. Actions go first; then a class that has had less than its minimum in
    /// the last minute, the one served longest ago before the others; then by priority; none beyond the most that it
    /// may have. First come, first served in a class, but for those whose endpoint is held.
    pub fn grant(&mut self, now: Time) -> Option<(Ticket, Class, Endpoint)> {
        self.advance(now);
        let class = self.next_class(now)?;
        let (ticket, endpoint) = self.first(now, class)?;
        let lane = self.lane(class);
        lane.waiting.remove(&ticket);
        lane.granted.push_back(now);
        lane.last_grant = Some(now);
        self.endpoints.sends(now, endpoint);
        self.in_flight += 1;
        Some((ticket, class, endpoint))
    }

    /// The request of a granted slot is over: answered or abandoned.
    pub fn finish(&mut self, now: Time) {
        self.in_flight = self.in_flight.saturating_sub(1);
        let at = now + WINDOW;
        self.cooling.push_back(Cooling { frees_at: at, counts_until: at, unknown: false });
    }

    /// A slot granted at `granted_at` comes back unused: nothing was sent.
    pub fn refund(&mut self, class: Class, endpoint: Endpoint, granted_at: Time) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.endpoints.takes_back(granted_at, endpoint);
        let granted = &mut self.lane(class).granted;
        if let Some(i) = granted.iter().rposition(|at| *at == granted_at) {
            granted.remove(i);
        }
    }

    /// An endpoint of the platform answered 429: everything but actions of it stands still for `pause` ([`WINDOW`] at most), and
    /// there is less of it. Where another endpoint did so within a minute, everything but actions stands still, and its limit
    /// falls by a quarter; it rises again by a tenth of the configured one for each minute without a 429.
    pub fn throttled(&mut self, now: Time, endpoint: Endpoint, pause: Duration) {
        self.advance(now);
        let pause = pause.min(WINDOW);
        self.quiet_since = now;
        if !self.endpoints.throttled(now, endpoint, pause) {
            return;
        }
        self.not_before = self.not_before.max(now + pause);
        if self.last_cut.is_none_or(|at| now.since(at) >= BETWEEN_CUTS) {
            self.last_cut = Some(now);
            let before = self.limit;
            self.limit = (before - before.div_ceil(4)).max(1);
            self.forget_unknown(before - self.limit);
        }
    }

    /// Slots that are full only because nothing is known of the last minute do not count against a limit that was cut.
    fn forget_unknown(&mut self, slots: u32) {
        for _ in 0..slots {
            let Some(last) = self.cooling.iter().rposition(|slot| slot.unknown) else { return };
            self.cooling.remove(last);
        }
    }

    /// Another limit is configured. Held slots stay held; new ones come free evenly over a minute.
    pub fn set_limit(&mut self, now: Time, requests_per_minute: u32) {
        self.advance(now);
        let old = self.configured;
        let new = requests_per_minute.clamp(1, MAX_LIMIT);
        self.limit = if self.limit == old { new } else { self.limit.min(new) };
        self.configured = new;
        let more = new.saturating_sub(old);
        let fresh = |i| Cooling { frees_at: now + share_of_window(i + 1, more), counts_until: now, unknown: false };
        self.cooling.extend((0..more).map(fresh));
        self.cooling.make_contiguous().sort_unstable_by_key(|slot| slot.frees_at);
    }

    /// When a waiter could be served at the earliest, given that none could now; `None`: only once something else happens.
    pub fn next_wake(&self, now: Time) -> Option<Time> {
        if self.waiting() == 0 {
            return None;
        }
        let freed = self.cooling.front().map(|slot| slot.frees_at);
        let resumed = (self.not_before > now).then_some(self.not_before);
        let raised = (self.limit < self.configured).then_some(self.quiet_since + WINDOW);
        let full = Class::ALL
            .into_iter()
            .zip(&self.lanes)
            .filter(|(class, lane)| !lane.waiting.is_empty() && lane.granted.len() >= most(*class, self.limit));
        let again = full.filter_map(|(_, lane)| lane.granted.front().map(|at| *at + WINDOW)).min();
        let endpoints = self.endpoints.next_change(now);
        [freed, resumed, raised, again, endpoints].into_iter().flatten().min()
    }

    /// Nobody waits.
    pub fn is_idle(&self) -> bool {
        self.waiting() == 0
    }

    /// The state now.
    pub fn reading(&mut self, now: Time) -> BudgetReading {
        self.advance(now);
        BudgetReading {
            configured: self.configured,
            limit: self.limit,
            looks: self.endpoints.looks().map_or(self.limit, |looks| looks.min(self.limit)),
            available: self.limit.saturating_sub(self.used()),
            waiting: u32::try_from(self.waiting()).unwrap_or(u32::MAX),
        }
    }

    /// How long ago each request that still counts was answered; zero for those under way.
    pub fn recent(&mut self, now: Time) -> Vec<Duration> {
        self.advance(now);
        let counted = self.cooling.iter().filter(|slot| slot.counts_until > now);
        let ended = counted.map(|slot| WINDOW.saturating_sub(slot.counts_until.since(now)));
        ended.chain((0..self.in_flight).map(|_| Duration::ZERO)).collect()
    }

    fn next_class(&self, now: Time) -> Option<Class> {
        let used = self.used();
        let [actions, others @ ..] = &self.lanes;
        // A limit that was learnt is for the others: an action tries its luck, and goes again when it is told to.
        if used < self.configured && !actions.waiting.is_empty() {
            return Some(Class::Action);
        }
        let others_may = |limit: u32| limit.saturating_sub(reserve(limit));
        if now < self.not_before || used >= others_may(self.limit).min(others_may(self.configured)) {
            return None;
        }
        let [_, classes @ ..] = Class::ALL;
        let may_go = |(class, lane): &(Class, &Lane)| {
            lane.granted.len() < most(*class, self.limit) && self.first_of(now, *class, lane).is_some()
        };
        let waiting = || classes.into_iter().zip(others).filter(may_go);
        waiting()
            .filter(|(class, lane)| lane.granted.len() < minimum(*class, self.limit))
            .min_by_key(|(_, lane)| lane.last_grant)
            .or_else(|| waiting().next())
            .map(|(class, _)| class)
    }

    /// Who of a class is served next.
    fn first(&self, now: Time, class: Class) -> Option<(Ticket, Endpoint)> {
        self.first_of(now, class, &self.lanes[class as usize])
    }

    fn first_of(&self, now: Time, class: Class, lane: &Lane) -> Option<(Ticket, Endpoint)> {
        let free = |endpoint| class == Class::Action || self.endpoints.may_send(now, endpoint);
        lane.waiting.iter().find(|(_, endpoint)| free(**endpoint)).map(|(ticket, endpoint)| (*ticket, *endpoint))
    }

    fn advance(&mut self, now: Time) {
        self.endpoints.advance(now, self.configured);
        while self.cooling.front().is_some_and(|slot| slot.frees_at <= now) {
            self.cooling.pop_front();
        }
        for lane in &mut self.lanes {
            while lane.granted.front().is_some_and(|at| *at + WINDOW <= now) {
                lane.granted.pop_front();
            }
        }
        while self.limit < self.configured && now.since(self.quiet_since) >= WINDOW {
            self.limit = self.limit.saturating_add((self.configured / 10).max(1)).min(self.configured);
            self.quiet_since = self.quiet_since + WINDOW;
        }
    }

    fn used(&self) -> u32 {
        self.in_flight.saturating_add(u32::try_from(self.cooling.len()).unwrap_or(u32::MAX))
    }

    fn waiting(&self) -> usize {
        self.lanes.iter().map(|lane| lane.waiting.len()).sum()
    }

    fn lane(&mut self, class: Class) -> &mut Lane {
        &mut self.lanes[class as usize]
    }
}

/// Requests in a minute before which a waiting class is served ahead of the classes above it. They sum to 70 %.
pub fn minimum(class: Class, limit: u32) -> usize {
    let percent = match class {
        Class::Action => 0,
        Class::Suspect | Class::Poll => 20,
        Class::Call | Class::Telemetry => 10,
        Class::ReadBack | Class::Rest => 5,
    };
    (limit as usize * percent / 100).max(1)
}

/// Requests of a class in a minute at most: a fifth for read-backs, however many changes do not show.
pub fn most(class: Class, limit: u32) -> usize {
    match class {
        Class::ReadBack => (limit as usize / 5).max(1),
        _ => usize::MAX,
    }
}

fn share_of_window(part: u32, whole: u32) -> Duration {
    Duration::from_nanos(u64::from(part) * 60_000_000_000 / u64::from(whole.max(1)))
}
