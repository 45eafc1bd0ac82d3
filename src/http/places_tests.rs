//! Who keeps a place, and who gives his up.

use super::*;
use crate::clock::Clock;

fn places() -> Places {
    let counters = Counters::new();
    Places::new(Face::Tcp, &counters, &Refusals::new(&counters, &Clock::system()))
}

fn peer(n: u8) -> Peer {
    Peer::of(IpAddr::from([192, 0, 2, n]))
}

const HERE: Peer = Peer::User(None);

fn arrive(places: &Places, peer: Peer, count: usize) -> Vec<Arc<Ticket>> {
    let end = CancellationToken::new();
    (0..count).map(|_| Arc::new(places.arrive(peer, &end))).collect()
}

fn cut(tickets: &[Arc<Ticket>]) -> usize {
    tickets.iter().filter(|t| t.cut.is_cancelled()).count()
}

#[test]
fn the_oldest_without_a_head_goes_where_there_is_no_room() {
    let places = places();
    let silent = arrive(&places, HERE, MOST_SERVED);
    let newer = arrive(&places, HERE, 3);
    assert_eq!((cut(&silent), cut(&newer)), (3, 0));
    assert!(silent[..3].iter().all(|t| t.cut.is_cancelled()), "the oldest first");
    let many: Vec<_> = (0..10).flat_map(|n| arrive(&places, peer(n), MOST_OF_A_PEER)).collect();
    assert!(places.open().places.len() <= MOST);
    assert_eq!(cut(&silent) + cut(&newer) + cut(&many), MOST_SERVED + 3 + many.len() - MOST);
}

#[test]
fn readers_that_never_read_leave_probes_and_metrics_their_places() {
    let places = places();
    let readers = arrive(&places, HERE, MOST);
    let served: Vec<_> = readers.iter().filter(|t| !t.cut.is_cancelled()).map(|t| t.serve(Errand::Other)).collect();
    assert_eq!(served.iter().filter(|s| s.is_ok()).count(), MOST_SERVED);
    let late = arrive(&places, HERE, 3);
    assert_eq!(late[0].serve(Errand::Other).err(), Some(Refused::Busy));
    assert!(late[1].serve(Errand::Probe).is_ok() && late[2].serve(Errand::Scrape).is_ok());
    assert_eq!(cut(&late), 0);
}

#[test]
fn a_scrape_takes_the_place_of_one_that_is_not_read() {
    let places = places();
    let scrapes = arrive(&places, HERE, MOST_SCRAPES);
    let _serving: Vec<_> = scrapes.iter().map(|t| t.serve(Errand::Scrape).unwrap_or_else(|_| panic!())).collect();
    let next = arrive(&places, peer(1), 1);
    assert_eq!(next[0].serve(Errand::Scrape).err(), Some(Refused::Busy), "all of them are being read");
    scrapes[5].watch.stalled.store(true, Ordering::Relaxed);
    assert!(next[0].serve(Errand::Scrape).is_ok());
    assert!(scrapes[5].cut.is_cancelled() && cut(&scrapes) == 1);
}

#[test]
fn one_peer_takes_no_more_than_its_share_and_its_answers_end() {
    let places = places();
    let greedy = arrive(&places, peer(1), MOST_OF_A_PEER);
    let mut served: Vec<_> = greedy.iter().filter_map(|t| t.serve(Errand::Other).ok()).collect();
    let more = arrive(&places, peer(1), 1);
    assert_eq!(more[0].serve(Errand::Other).err(), Some(Refused::Busy));
    let other = arrive(&places, peer(2), 1);
    assert!(other[0].serve(Errand::Other).is_ok());
    served.pop();
    assert!(more[0].serve(Errand::Other).is_ok(), "an answer that is over gives its place back");
    drop((greedy, more, other, served));
    assert!(places.open().places.is_empty());
}

#[test]
fn a_network_of_ipv6_is_one_peer_and_a_mapped_address_is_its_own() {
    let of = |text: &str| Peer::of(text.parse().unwrap());
    assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
    assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
    assert_eq!(of("::ffff:192.0.2.1"), peer(1));
    assert_eq!((of("::1").most(), of("127.0.0.9").most(), peer(1).most()), (MOST_SERVED, MOST_SERVED, MOST_OF_A_PEER));
}
