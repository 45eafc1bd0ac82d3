//! Writes down who showed wrong tokens over TCP: at once the first time, then gathered to one entry a minute.

use crate::clock::Clock;
use crate::http::{Access, GuessReport};
use crate::journal::{Batch, Entry, Journal};
use crate::policy::{Actor, EventType};
use crate::supervisor::of_process;
use serde_json::json;
use std::time::Duration;

/// One entry for all of this time.
const GATHERED_FOR: Duration = Duration::from_mins(1);

/// Runs until it is dropped.
pub(super) async fn write(access: Access, journal: Journal, clock: Clock) {
    loop {
        let report = access.refused().await;
        let batch = Batch { entries: vec![entry(&report, &clock)], ..Batch::default() };
        // Where the journal cannot be written, that is what has to be known; the metric has counted.
        let _ = journal.submit(batch).await;
        tokio::time::sleep(GATHERED_FOR).await;
    }
}

fn entry(report: &GuessReport, clock: &Clock) -> Entry {
    let peers = report.peers.join(", ") + if report.more_peers { " and others" } else { "" };
    let reason = format!(
        "orders over TCP showed a wrong token {} times, and {} more were refused unread; from {peers}",
        report.wrong, report.unseen
    );
    let details = json!({ "wrong": report.wrong, "unseen": report.unseen, "peers": report.peers, "more_peers": report.more_peers });
    of_process(clock.wall(), EventType::AccessRefused, &Actor::System, reason, details)
}
