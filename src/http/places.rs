//! Who has a place at a door: connections at once, of all and of each peer, and which one goes where there is no room.
//!
//! A connection *waits* until the head of a request is complete, and again after each answer; then it *serves*. Probes
//! (`/healthz`, `/readyz`) are answered from the places of those that wait, and `/metrics` has places of its own, so that
//! neither people nor whoever never reads an answer can take them. A newcomer always finds a place: the oldest that waits
//! is dropped for it. Must never: wait, or let one peer take what others need.

use super::face::Face;
use super::refused::{Refusals, Refused};
use crate::counters::Counters;
use crate::sync::lock;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio_util::sync::CancellationToken;

/// Connections at once.
const MOST: usize = 256;
/// Those that may be answered at once, probes and metrics aside.
const MOST_SERVED: usize = 216;
/// The same for `/metrics`. What is left of [`MOST`] is for those that wait, and for probes.
const MOST_SCRAPES: usize = 16;
/// Connections of one peer that may be answered at once, and as many that may wait. A peer on this machine may take
/// whatever is not kept for probes and metrics.
const MOST_OF_A_PEER: usize = 32;

/// Who is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Peer {
    /// An address; of IPv6 the network of 64 bits, which is one host's to choose from.
    Address(IpAddr),
    /// A user of this machine, where the system tells which.
    User(Option<u32>),
}

impl Peer {
    pub(super) fn of(address: IpAddr) -> Self {
        Self::Address(match address.to_canonical() {
            IpAddr::V6(v6) if !v6.is_loopback() => {
                let [a, b, c, d, ..] = v6.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
            other => other,
        })
    }

    fn most(self) -> usize {
        match self {
            Self::Address(address) if !address.is_loopback() => MOST_OF_A_PEER,
            _ => MOST_SERVED,
        }
    }
}

impl std::fmt::Display for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::User(Some(uid)) => write!(f, "uid:{uid}"),
            Self::User(None) => f.write_str("uid:unknown"),
        }
    }
}

/// What a request is for, as far as places go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Errand {
    Probe,
    Scrape,
    Other,
}

impl Errand {
    pub(super) fn of(path: &str) -> Self {
        match path {
            "/healthz" | "/readyz" => Self::Probe,
            "/metrics" => Self::Scrape,
            _ => Self::Other,
        }
    }
}

/// The places of one door. Cheap to clone.
#[derive(Clone)]
pub(super) struct Places(Arc<Door>);

struct Door {
    face: Face,
    counters: Counters,
    refusals: Refusals,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    /// Rises with each connection and each change of one: what changed longest ago has the lowest.
    turn: u64,
    places: BTreeMap<u64, Place>,
}

struct Place {
    peer: Peer,
    state: State,
    since: u64,
    watch: Arc<Watch>,
    cut: CancellationToken,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waits,
    Scraped,
    Served,
}

/// What the connection's own task and the door tell each other.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// Whether the other end takes nothing at the moment.
    pub stalled: AtomicBool,
    /// The request that is being answered: 1 is the first.
    pub answer: AtomicU64,
}

/// A place; free again when it is dropped.
pub(super) struct Ticket {
    door: Places,
    id: u64,
    pub peer: Peer,
    pub watch: Arc<Watch>,
    /// Cancelled where the place goes to somebody else.
    pub cut: CancellationToken,
}

impl Places {
    pub(super) fn new(face: Face, counters: &Counters, refusals: &Refusals) -> Self {
        counters.http_connections(face.name(), 0);
        let (counters, refusals) = (counters.clone(), refusals.clone());
        Self(Arc::new(Door { face, counters, refusals, open: Mutex::default() }))
    }

    /// A place for a newcomer. Where there is none, whoever has waited longest gives up his: of the same peer where that
    /// has its share, else of all.
    pub(super) fn arrive(&self, peer: Peer, end: &CancellationToken) -> Ticket {
        let mut open = self.open();
        let waiting = open.places.values().filter(|p| p.peer == peer && p.state == State::Waits).count();
        if waiting >= peer.most() {
            self.give_up(&mut open, Refused::NoHead, |p| p.peer == peer && p.state == State::Waits);
        } else if open.places.len() >= MOST {
            self.give_up(&mut open, Refused::NoHead, |p| p.state == State::Waits);
        }
        let (watch, cut) = (Arc::<Watch>::default(), end.child_token());
        open.turn += 1;
        let id = open.turn;
        let place = Place { peer, state: State::Waits, since: id, watch: Arc::clone(&watch), cut: cut.clone() };
        open.places.insert(id, place);
        self.count(&open);
        Ticket { door: self.clone(), id, peer, watch, cut }
    }

    /// Drops the connection among those that changed longest ago; whether there was one.
    fn give_up(&self, open: &mut Open, why: Refused, which: impl Fn(&Place) -> bool) -> bool {
        let oldest = open.places.iter().filter(|(_, p)| which(p)).min_by_key(|(_, p)| p.since).map(|(id, _)| *id);
        let Some(place) = oldest.and_then(|id| open.places.remove(&id)) else { return false };
        place.cut.cancel();
        self.0.refusals.count(why);
        true
    }

    fn count(&self, open: &Open) {
        self.0.counters.http_connections(self.0.face.name(), open.places.len());
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        lock(&self.0.open)
    }
}

impl Ticket {
    /// The head of a request is complete. `Err`: there is no place to answer it.
    pub(super) fn serve(self: &Arc<Self>, errand: Errand) -> Result<Serving, Refused> {
        let mut open = self.door.open();
        let state = match errand {
            Errand::Probe => State::Waits,
            Errand::Scrape => State::Scraped,
            Errand::Other => State::Served,
        };
        let stalled = |p: &Place| p.state == state && p.watch.stalled.load(Ordering::Relaxed);
        let count = |open: &Open, of: Option<Peer>| {
            open.places.values().filter(|p| p.state == state && of.is_none_or(|peer| p.peer == peer)).count()
        };
        let room = match errand {
            Errand::Probe => true,
            Errand::Scrape => {
                count(&open, None) < MOST_SCRAPES || self.door.give_up(&mut open, Refused::SlowReader, stalled)
            }
            Errand::Other if count(&open, Some(self.peer)) >= self.peer.most() => {
                self.door.give_up(&mut open, Refused::SlowReader, |p| p.peer == self.peer && stalled(p))
            }
            Errand::Other => {
                count(&open, None) < MOST_SERVED || self.door.give_up(&mut open, Refused::SlowReader, stalled)
            }
        };
        if !room {
            self.door.0.refusals.count(Refused::Busy);
            return Err(Refused::Busy);
        }
        self.turn_to(&mut open, state);
        self.watch.answer.fetch_add(1, Ordering::Relaxed);
        Ok(Serving(Arc::clone(self)))
    }

    fn turn_to(&self, open: &mut Open, state: State) {
        open.turn += 1;
        let turn = open.turn;
        if let Some(place) = open.places.get_mut(&self.id) {
            (place.state, place.since) = (state, turn);
        }
    }

    /// The other end took its answer too slowly, and the connection ends.
    pub(super) fn too_slow(&self) {
        self.door.0.refusals.count(Refused::SlowReader);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut open = self.door.open();
        open.places.remove(&self.id);
        self.door.count(&open);
    }
}

/// A request that is being answered; from its end on the connection waits for the next.
pub(super) struct Serving(Arc<Ticket>);

impl Drop for Serving {
    fn drop(&mut self) {
        let ticket = &self.0;
        ticket.turn_to(&mut ticket.door.open(), State::Waits);
    }
}

#[cfg(test)]
#[path = "places_tests.rs"]
mod tests;
