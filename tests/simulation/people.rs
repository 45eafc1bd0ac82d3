//! What people do in a world, drawn from its seed: orders of every kind at random times, and rounds in which somebody looks
//! after what needs a person.

use crate::schedule::{id, secs};
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::VecDeque;
use std::time::Duration;
use trunkwarden::policy::{ChannelId, ChannelKey, Order, TenantId};
use trunkwarden::snapshot::Snapshot;

/// Somebody looks after the daemon so often.
pub const ROUND: Duration = secs(20 * 60);

/// What is done.
#[derive(Clone, Debug)]
pub enum Deed {
    /// This order is given.
    Give(Order),
    /// The traffic of the n-th channel that is away is ordered home.
    Home { nth: usize, force: bool },
    /// Somebody looks after what needs a person.
    Round,
}

/// What is done, and when, in order of time.
pub fn deeds(seed: u64, channels: usize, lasts: Duration, quiet: Duration) -> VecDeque<(Duration, Deed)> {
    let rng = ChaCha8Rng::seed_from_u64(seed ^ 0x9e0_91e);
    let mut draw = People { rng, channels, end: lasts.saturating_sub(quiet), deeds: Vec::new() };
    draw.each(0.5, People::failover);
    draw.each(0.5, People::failback);
    draw.each(0.25, People::pause);
    draw.each(0.5, People::maintenance);
    draw.each(0.4, |draw, _| vec![(Duration::ZERO, Order::Acknowledge { channel: draw.channel() })]);
    draw.each(0.3, |_, _| vec![(Duration::ZERO, Order::ApproveMass { tenant: acme() })]);
    draw.each(0.5, |draw, _| vec![(Duration::ZERO, Order::Approve { channel: draw.channel() })]);
    let end = draw.end;
    for tenant in [None, Some(acme())] {
        draw.deeds.push((end, Deed::Give(Order::Resume { tenant })));
    }
    for n in 0..channels {
        draw.deeds.push((end, Deed::Give(Order::EndMaintenance { channel: key(&id(n)) })));
    }
    let rounds = (1_u32..).map(|n| ROUND * n).take_while(|at| *at < lasts);
    draw.deeds.extend(rounds.map(|at| (at, Deed::Round)));
    draw.deeds.sort_by_key(|(at, _)| *at);
    draw.deeds.into()
}

/// What needs a person now: routes of somebody else's, proposals, and ways home that are a person's.
pub fn orders_of_a_round(snapshot: &Snapshot, paused_on_purpose: bool) -> Vec<Order> {
    let mut orders = Vec::new();
    let paused = |tenant: Option<TenantId>| Order::Resume { tenant };
    if !paused_on_purpose && snapshot.tenants.values().any(|tenant| tenant.report.paused) {
        orders.push(paused(Some(acme())));
    }
    for channel in snapshot.channels.values().filter(|c| c.configured) {
        let key = channel.key.clone();
        match channel.held {
            _ if channel.route_foreign => orders.push(Order::Acknowledge { channel: key }),
            Some("ordered_route") => orders.push(Order::Acknowledge { channel: key }),
            Some("propose") => orders.push(Order::Approve { channel: key }),
            Some("failback_manual" | "failback_window" | "lapsed") => {
                orders.push(Order::Failback { channel: key, force: false });
            }
            _ => {}
        }
    }
    orders
}

/// The n-th channel whose traffic is away, the first after the last.
pub fn away(snapshot: &Snapshot, nth: usize) -> Option<ChannelKey> {
    let away: Vec<&ChannelKey> =
        snapshot.channels.values().filter(|c| c.configured && c.failed_over).map(|c| &c.key).collect();
    away.get(nth.checked_rem(away.len())?).map(|key| (*key).clone())
}

pub fn acme() -> TenantId {
    TenantId::from("acme")
}

pub fn key(id: &str) -> ChannelKey {
    ChannelKey { tenant: acme(), channel: ChannelId::from(id) }
}

struct People {
    rng: ChaCha8Rng,
    channels: usize,
    end: Duration,
    deeds: Vec<(Duration, Deed)>,
}

impl People {
    /// `what` is done `per_hour` times an hour on the average; it gives orders, each so long after its time.
    fn each(&mut self, per_hour: f64, what: impl Fn(&mut Self, Duration) -> Vec<(Duration, Order)>) {
        let mut at = secs(300);
        loop {
            let gap = -self.rng.random_range(f64::EPSILON..1.0_f64).ln() / per_hour;
            at += Duration::from_millis((gap * 3_600_000.0).min(1e9) as u64);
            if at >= self.end {
                return;
            }
            for (after, order) in what(self, at) {
                if at + after < self.end {
                    self.deeds.push((at + after, Deed::Give(order)));
                }
            }
        }
    }

    fn channel(&mut self) -> ChannelKey {
        key(&id(self.rng.random_range(0..self.channels)))
    }

    fn span(&mut self, least: f64, most: f64) -> Duration {
        secs(self.rng.random_range(least.ln()..most.ln()).exp() as u64)
    }

    fn failover(&mut self, _: Duration) -> Vec<(Duration, Order)> {
        let n = self.rng.random_range(0..self.channels);
        let step = *[1, 1, 1, 2, 2, 3].choose(&mut self.rng).unwrap();
        let to = ChannelId::from(id((n + step) % self.channels).as_str());
        let force = self.rng.random_bool(0.4);
        vec![(Duration::ZERO, Order::Failover { channel: key(&id(n)), to, force })]
    }

    /// Only what is away can be ordered home, and that is seen at the moment.
    fn failback(&mut self, at: Duration) -> Vec<(Duration, Order)> {
        let (nth, force) = (self.rng.random_range(0..self.channels), self.rng.random_bool(0.4));
        self.deeds.push((at, Deed::Home { nth, force }));
        Vec::new()
    }

    fn pause(&mut self, _: Duration) -> Vec<(Duration, Order)> {
        let tenant = self.rng.random_bool(0.5).then(acme);
        let lasts = self.span(30.0, 2400.0);
        if self.rng.random_bool(0.6) {
            vec![(Duration::ZERO, Order::PauseFor { tenant, lasts })]
        } else {
            vec![(Duration::ZERO, Order::Pause { tenant: tenant.clone() }), (lasts, Order::Resume { tenant })]
        }
    }

    fn maintenance(&mut self, _: Duration) -> Vec<(Duration, Order)> {
        let channel = self.channel();
        let (lasts, ends) = (self.span(60.0, 5000.0), self.rng.random_range(0.2..0.9));
        let start = Order::StartMaintenance { channel: channel.clone(), lasts, reason: "new firmware".to_owned() };
        if self.rng.random_bool(0.6) {
            return vec![(Duration::ZERO, start)];
        }
        vec![(Duration::ZERO, start), (lasts.mul_f64(ends), Order::EndMaintenance { channel })]
    }
}
