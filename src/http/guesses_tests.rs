//! Guesses are few for each peer, and their memory is bounded.

use super::*;
use std::net::{IpAddr, Ipv4Addr};

fn peer(n: u32) -> Peer {
    Peer::of(IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + n)))
}

fn at(seconds: u64) -> Time {
    Time::new(Duration::from_secs(seconds))
}

#[test]
fn ten_at_once_then_one_every_six_seconds() {
    let mut guesses = Guesses::default();
    for _ in 0..10 {
        assert_eq!(guesses.allowed(at(0), peer(1)), Ok(()));
        guesses.wrong(at(0), peer(1));
    }
    assert_eq!(guesses.allowed(at(0), peer(1)), Err(FORGOTTEN_AFTER));
    assert_eq!(guesses.allowed(at(0), peer(2)), Ok(()), "another one's are not counted");
    assert!(guesses.allowed(at(5), peer(1)).is_err());
    assert_eq!(guesses.allowed(at(6), peer(1)), Ok(()));
    guesses.wrong(at(6), peer(1));
    assert!(guesses.allowed(at(6), peer(1)).is_err());
    let report = guesses.take_report().unwrap();
    assert_eq!((report.wrong, report.unseen, report.peers.len()), (11, 3, 1));
    assert_eq!(guesses.take_report(), None);
}

#[test]
fn peers_beyond_the_bound_share_an_account_and_push_nobody_out() {
    let mut guesses = Guesses::default();
    for _ in 0..10 {
        guesses.wrong(at(0), peer(0));
    }
    for n in 1..5000 {
        guesses.wrong(at(0), peer(n));
    }
    assert!(guesses.accounts.len() <= MOST_PEERS + 1, "{}", guesses.accounts.len());
    assert!(guesses.allowed(at(0), peer(0)).is_err(), "the first is still known");
    assert!(guesses.allowed(at(0), peer(9000)).is_err(), "a newcomer shares with those that found no room");
    let report = guesses.take_report().unwrap();
    assert!(report.more_peers && report.peers.len() == NAMED);
    assert_eq!(guesses.allowed(at(3600 * 24), peer(9000)), Ok(()));
}
