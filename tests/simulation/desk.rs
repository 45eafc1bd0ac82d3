//! What people have ordered, as those know it who stood beside them: what is forbidden since, and what is allowed.
//!
//! What an order forbids counts from the moment at which it was taken; what it allows, from that at which it was given.

use crate::schedule::secs;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use trunkwarden::policy::Order;

/// An order that was not carried out by then has lapsed, its action under way included.
const ORDERED_FOR: Duration = secs(60 + 15);
/// The same for an approval.
const APPROVED_FOR: Duration = secs(15 * 60 + 15);

/// A span of time.
#[derive(Clone, Copy, Debug)]
struct Span {
    from: Duration,
    to: Duration,
}

impl Span {
    fn holds(self, at: Duration) -> bool {
        self.from <= at && at < self.to
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct Desk {
    given: VecDeque<(Duration, Order)>,
    paused_all: Option<Span>,
    paused_tenant: Option<Span>,
    maintenance: BTreeMap<String, Span>,
    /// When a pause was last lifted, or may have been.
    pub resumed: Duration,
    /// When a mass change was last approved.
    pub mass_approved: Option<Duration>,
}

/// What a person asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// This very move.
    Ordered { at: Duration, force: bool },
    /// What was proposed.
    Approved,
    /// Nothing.
    Nothing,
}

impl Desk {
    /// An order is given.
    pub fn give(&mut self, now: Duration, order: &Order) {
        match order {
            Order::Resume { tenant } => {
                *self.pause_of(tenant.is_some()) = None;
                self.resumed = now;
            }
            Order::EndMaintenance { channel } => drop(self.maintenance.remove(channel.channel.as_str())),
            Order::ApproveMass { .. } => self.mass_approved = Some(now),
            _ => {}
        }
        if self.given.len() == 64 {
            self.given.pop_front();
        }
        self.given.push_back((now, order.clone()));
    }

    /// It was taken: what it forbids is forbidden from `now` on.
    pub fn taken(&mut self, given: Duration, now: Duration, order: &Order) {
        match order {
            Order::Pause { tenant } => *self.pause_of(tenant.is_some()) = Some(Span { from: now, to: Duration::MAX }),
            Order::PauseFor { tenant, lasts } => {
                *self.pause_of(tenant.is_some()) = Some(Span { from: now, to: given + *lasts });
            }
            Order::StartMaintenance { channel, lasts, .. } => {
                let span = Span { from: now, to: given + *lasts };
                self.maintenance.insert(channel.channel.as_str().to_owned(), span);
            }
            _ => {}
        }
    }

    /// It was refused: it asks for nothing.
    pub fn refused(&mut self, given: Duration, order: &Order) {
        self.given.retain(|(at, other)| (*at, other) != (given, order));
    }

    /// Whether anything is paused.
    pub fn paused(&self, now: Duration) -> bool {
        [self.paused_all, self.paused_tenant].into_iter().flatten().any(|span| span.holds(now))
    }

    /// Whether a channel is in a maintenance that a person began.
    pub fn maintains(&self, id: &str, now: Duration) -> bool {
        self.maintenance.get(id).is_some_and(|span| span.holds(now))
    }

    /// Whether a person asked for the traffic of `id` to go to `to`, its own id being home; `None`: for other codecs.
    pub fn asked(&self, id: &str, to: Option<&str>, now: Duration) -> Asked {
        let lately = |at: &Duration, within: Duration| now.saturating_sub(*at) <= within;
        let mut moves = self.given.iter().rev().filter(|(at, _)| lately(at, ORDERED_FOR));
        let ordered = moves.find_map(|(at, order)| match order {
            Order::Failover { channel, to: there, force }
                if channel.channel.as_str() == id && Some(there.as_str()) == to =>
            {
                Some(Asked::Ordered { at: *at, force: *force })
            }
            Order::Failback { channel, force } if channel.channel.as_str() == id && Some(id) == to => {
                Some(Asked::Ordered { at: *at, force: *force })
            }
            _ => None,
        });
        let approves = |(at, order): &(Duration, Order)| {
            matches!(order, Order::Approve { channel } if channel.channel.as_str() == id) && lately(at, APPROVED_FOR)
        };
        let approved = || self.given.iter().any(approves).then_some(Asked::Approved);
        ordered.or_else(approved).unwrap_or(Asked::Nothing)
    }

    fn pause_of(&mut self, tenant: bool) -> &mut Option<Span> {
        if tenant { &mut self.paused_tenant } else { &mut self.paused_all }
    }
}
