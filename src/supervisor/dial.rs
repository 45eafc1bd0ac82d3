//! A TCP connection to a target, whichever of its addresses answers first (RFC 8305, "Happy Eyeballs"); and the names of
//! targets, which are looked up beside it.
//!
//! A target fails for its own reason only. One family of addresses that leads nowhere costs a moment, a name server that is
//! gone leaves the addresses that it told before, and a lookup that hangs is never begun twice. Must never: send anything.

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// What the next address waits for the one before it (RFC 8305 §5), less where a target has little time.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);
/// Addresses of one target that are tried.
const MOST_ADDRESSES: usize = 8;

/// What came of one target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialled {
    /// It answers.
    Answers,
    /// It does not.
    Silent,
    /// This process could not ask: it has no file descriptor or no memory left.
    NotAsked,
}

/// One target's name: what it was last found to mean, and the lookup under way.
#[derive(Debug, Default)]
struct Name {
    known: Vec<SocketAddr>,
    lookup: Option<JoinHandle<io::Result<Vec<SocketAddr>>>>,
}

/// The names of the targets.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeMap<String, Name>);

impl Names {
    /// Forgets all but these.
    pub(super) fn retain(&mut self, targets: &[String]) {
        self.0.retain(|name, _| targets.contains(name));
        for target in targets {
            self.0.entry(target.clone()).or_default();
        }
    }

    /// Dials each of them, all at once, each for `timeout` at most.
    pub(super) async fn dial(&mut self, timeout: Duration) -> BTreeMap<String, Dialled> {
        let each = self.0.iter_mut().map(|(target, name)| async move {
            let dialled = async { race(&name.addresses(target, timeout).await, timeout).await };
            (target.clone(), tokio::time::timeout(timeout, dialled).await.unwrap_or(Dialled::Silent))
        });
        futures_util::future::join_all(each).await.into_iter().collect()
    }
}

impl Name {
    /// What the target means now; where the name service does not answer in its part of the time, what it meant before.
    async fn addresses(&mut self, target: &str, timeout: Duration) -> Vec<SocketAddr> {
        if let Ok(address) = target.parse() {
            return vec![address];
        }
        let lookup = self.lookup.get_or_insert_with(|| {
            let target = target.to_owned();
            tokio::spawn(async move { Ok(tokio::net::lookup_host(target).await?.take(MOST_ADDRESSES).collect()) })
        });
        let patience = if self.known.is_empty() { timeout } else { timeout / 2 };
        if let Ok(found) = tokio::time::timeout(patience, lookup).await {
            self.lookup = None;
            if let Ok(Ok(found)) = found
                && !found.is_empty()
            {
                self.known = found;
            }
        }
        self.known.clone()
    }
}

/// Connects to the first address that answers: the families take turns, and the next is tried when the one before it has
/// failed or has not answered within a moment. None is given up before all have failed. `timeout`: what all have together.
async fn race(addresses: &[SocketAddr], timeout: Duration) -> Dialled {
    let mut waiting = in_turns(addresses).into_iter();
    let delay = ATTEMPT_DELAY.min(timeout / u32::try_from(addresses.len() + 1).unwrap_or(u32::MAX));
    let mut under_way = FuturesUnordered::new();
    let mut asked = addresses.is_empty();
    let mut go_on = true;
    loop {
        if std::mem::take(&mut go_on) {
            under_way.extend(waiting.next().map(TcpStream::connect));
        }
        tokio::select! {
            biased;
            connected = under_way.next(), if !under_way.is_empty() => match connected {
                Some(Ok(_)) => return Dialled::Answers,
                Some(Err(error)) => {
                    asked |= !is_ours(&error);
                    go_on = true;
                }
                None => {}
            },
            () = sleep(delay), if waiting.len() > 0 => go_on = true,
            else => return if asked { Dialled::Silent } else { Dialled::NotAsked },
        }
    }
}

/// Whether this process, and nothing outside it, is why there was no connection: it has too many files open, or no memory.
fn is_ours(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let ours = [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::NOBUFS];
    Errno::from_io_error(error).is_some_and(|errno| ours.contains(&errno))
}

/// The first address's family first, then the families by turns (RFC 8305 §4).
fn in_turns(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let first = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (mut one, mut other): (Vec<_>, Vec<_>) = addresses.iter().copied().partition(|a| a.is_ipv6() == first);
    (one, other) = (one.into_iter().rev().collect(), other.into_iter().rev().collect());
    let mut turns = Vec::new();
    while !one.is_empty() || !other.is_empty() {
        turns.extend(one.pop());
        turns.extend(other.pop());
    }
    turns.truncate(MOST_ADDRESSES);
    turns
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use tokio::net::{TcpListener, TcpSocket};

    const WITHIN: Duration = Duration::from_secs(20);

    /// An address at which connections hang: a socket that accepts none, with its queue full. What fills it comes with it.
    async fn black_hole(address: &str) -> (SocketAddr, Vec<TcpStream>, TcpListener) {
        let address: SocketAddr = address.parse().unwrap();
        let socket = if address.is_ipv6() { TcpSocket::new_v6() } else { TcpSocket::new_v4() }.unwrap();
        socket.bind(address).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let mut full = Vec::new();
        while let Ok(Ok(stream)) = tokio::time::timeout(Duration::from_millis(300), TcpStream::connect(address)).await {
            full.push(stream);
        }
        (address, full, listener)
    }

    async fn raced(addresses: &[SocketAddr], within: Duration) -> Dialled {
        tokio::time::timeout(within, race(addresses, within)).await.unwrap_or(Dialled::Silent)
    }

    #[tokio::test]
    async fn a_family_that_leads_nowhere_costs_a_moment() {
        let (hole, _full, _listener) = black_hole("127.0.0.1:0").await;
        let (hole_too, _full_too, _listener_too) = black_hole("127.0.0.1:0").await;
        let open = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let listening = TcpListener::bind(open).await.unwrap();
        assert_eq!(raced(&[hole, open], WITHIN).await, Dialled::Answers);
        assert_eq!(raced(&[hole, hole_too, open], WITHIN).await, Dialled::Answers);
        // With little time, each address has its part of it.
        assert_eq!(raced(&[hole, open], Duration::from_secs(2)).await, Dialled::Answers);
        assert_eq!(raced(&[hole, hole_too], Duration::from_millis(500)).await, Dialled::Silent);
        drop(listening);
        assert_eq!(raced(&[open], WITHIN).await, Dialled::Silent, "refused");
        assert_eq!(raced(&[], WITHIN).await, Dialled::Silent);
    }

    #[tokio::test]
    async fn a_name_service_that_is_gone_leaves_the_addresses_that_it_told() {
        let listening = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = "no-such-host.invalid:443".to_owned();
        let mut names = Names::default();
        names.retain(std::slice::from_ref(&target));
        assert_eq!(names.dial(WITHIN).await[&target], Dialled::Silent);
        names.0.get_mut(&target).unwrap().known = vec![listening.local_addr().unwrap()];
        assert_eq!(names.dial(WITHIN).await[&target], Dialled::Answers);
        // One that hangs is not begun again.
        names.0.get_mut(&target).unwrap().lookup = Some(tokio::spawn(std::future::pending()));
        assert_eq!(names.dial(Duration::from_secs(1)).await[&target], Dialled::Answers);
        assert!(names.0[&target].lookup.is_some());
    }

    #[test]
    fn the_families_take_turns() {
        let of = |all: &[&str]| all.iter().map(|a| a.parse().unwrap()).collect::<Vec<SocketAddr>>();
        let given = of(&["[::1]:1", "[::2]:1", "[::3]:1", "10.0.0.1:1"]);
        assert_eq!(in_turns(&given), of(&["[::1]:1", "10.0.0.1:1", "[::2]:1", "[::3]:1"]));
        assert_eq!(in_turns(&of(&["10.0.0.1:1", "[::1]:1"])), of(&["10.0.0.1:1", "[::1]:1"]));
    }
}
