//! How often a peer may show a wrong token: ten times at once, and one more every six seconds. Pure but for the time that
//! it is handed; bounded whatever the number of peers.

use super::places::Peer;
use crate::policy::Time;
use std::collections::BTreeMap;
use std::time::Duration;

/// Wrong tokens at once.
const MOST: f64 = 10.0;
/// After this time one of them is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(6);
/// Peers that are told apart. More than these share one account.
const MOST_PEERS: usize = 1024;
/// Peers that are named in one report.
const NAMED: usize = 10;

/// Wrong tokens by peer.
#[derive(Debug, Default)]
pub(super) struct Guesses {
    accounts: BTreeMap<Option<Peer>, Account>,
    report: Report,
}

#[derive(Clone, Copy, Debug)]
struct Account {
    wrong: f64,
    at: Time,
}

/// What was refused since the last report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Wrong tokens that were looked at.
    pub wrong: u64,
    /// Requests that were refused unseen, since their peer had shown too many.
    pub unseen: u64,
    /// The first peers of them.
    pub peers: Vec<String>,
    /// Whether there were more.
    pub more_peers: bool,
}

impl Account {
    fn at(self, now: Time) -> f64 {
        (self.wrong - now.since(self.at).as_secs_f64() / FORGOTTEN_AFTER.as_secs_f64()).max(0.0)
    }
}

impl Guesses {
    /// Whether a token of `peer` may be looked at; else the time until it may.
    pub(super) fn allowed(&mut self, now: Time, peer: Peer) -> Result<(), Duration> {
        let known = self.accounts.get(&Some(peer)).or_else(|| self.accounts.get(&None).filter(|_| self.full()));
        let over = known.map_or(0.0, |account| account.at(now)) - (MOST - 1.0);
        if over <= 0.0 {
            return Ok(());
        }
        self.report.unseen = self.report.unseen.saturating_add(1);
        self.name(peer);
        Err(FORGOTTEN_AFTER.mul_f64(over))
    }

    /// `peer` showed a wrong one.
    pub(super) fn wrong(&mut self, now: Time, peer: Peer) {
        if self.full() {
            self.accounts.retain(|_, account| account.at(now) > 0.0);
        }
        let whose = Some(peer).filter(|peer| !self.full() || self.accounts.contains_key(&Some(*peer)));
        let account = self.accounts.entry(whose).or_insert(Account { wrong: 0.0, at: now });
        *account = Account { wrong: account.at(now) + 1.0, at: now };
        self.report.wrong = self.report.wrong.saturating_add(1);
        self.name(peer);
    }

    /// What was refused since the last time; `None`: nothing.
    pub(super) fn take_report(&mut self) -> Option<Report> {
        let report = std::mem::take(&mut self.report);
        (report != Report::default()).then_some(report)
    }

    fn full(&self) -> bool {
        self.accounts.len() >= MOST_PEERS
    }

    fn name(&mut self, peer: Peer) {
        let name = peer.to_string();
        let report = &mut self.report;
        match report.peers.contains(&name) {
            true => {}
            false if report.peers.len() < NAMED => report.peers.push(name),
            false => report.more_peers = true,
        }
    }
}

#[cfg(test)]
#[path = "guesses_tests.rs"]
mod tests;
