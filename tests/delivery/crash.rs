//! The process dies at every step between an entry and its acknowledgement. Enumerated: each entry, each step. Afterwards
//! everything has arrived, in order, nothing that was never written did, and what came twice is the same with the same id.
//!
//! A process here is a runtime that is given up with all its tasks; `tests/e2e/delivery.rs` does the same to a real one.

use super::world::{FAST, configuration, entry};
use axum::http::{HeaderMap, StatusCode};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;
use trunkwarden::clock::Clock;
use trunkwarden::counters::Counters;
use trunkwarden::delivery::{Connect, Delivery, Outgoing, Post};
use trunkwarden::journal::{Batch, Journal, JournalError, Options};
use trunkwarden::platform::TransportError;
use trunkwarden::snapshot::SnapshotCell;

/// Entries that are written.
const ENTRIES: usize = 6;

const SINKS: &str = "[[audit.export]]\nname = \"nms\"\nurl = \"http://nms.example\"\nbulk = false\n";

/// Where a process dies.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    /// Entries were handed in, and nobody was told that they are on disk.
    BeforeCommit,
    /// The entry is on disk, and its request has not reached the sink.
    BeforeSend,
    /// The sink took it, and its answer is lost.
    BeforeAnswer,
    /// The answer came, and the acknowledgement is not known to be on disk.
    BeforeAcknowledge,
    /// The acknowledgement is on disk, and nothing after it.
    AfterAcknowledge,
}

const STEPS: [Step; 5] =
    [Step::BeforeCommit, Step::BeforeSend, Step::BeforeAnswer, Step::BeforeAcknowledge, Step::AfterAcknowledge];

/// The sink outlives the process. It dies at the given step of the `nth` request.
struct Fragile {
    received: Arc<Mutex<Vec<Value>>>,
    requests: AtomicUsize,
    dies: Option<(usize, Step)>,
    died: mpsc::Sender<()>,
}

#[async_trait::async_trait]
impl Post for Fragile {
    async fn post(&self, request: Outgoing) -> Result<(StatusCode, HeaderMap), TransportError> {
        let nth = self.requests.fetch_add(1, Ordering::SeqCst);
        let step = self.dies.filter(|(at, _)| *at == nth).map(|(_, step)| step);
        let die = || async {
            self.died.send(()).unwrap();
            std::future::pending::<()>().await;
        };
        if step == Some(Step::BeforeSend) {
            die().await;
        }
        self.received.lock().unwrap().push(serde_json::from_slice(&request.body).unwrap());
        if step == Some(Step::BeforeAnswer) {
            die().await;
        }
        if step == Some(Step::BeforeAcknowledge) {
            self.died.send(()).unwrap();
        }
        Ok((StatusCode::OK, HeaderMap::new()))
    }
}

/// One life of the process over the journal of `folder`: what it has written, and how it ends.
fn live(folder: &Path, received: &Arc<Mutex<Vec<Value>>>, write: usize, dies: Option<(usize, Step)>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (died, death) = mpsc::channel();
    let requests = AtomicUsize::new(0);
    let fragile = Arc::new(Fragile { received: Arc::clone(received), requests, dies, died });
    let connect: Connect = Arc::new(move |_, _| Ok(Arc::clone(&fragile) as Arc<dyn Post>));
    let path = folder.join("journal.db");
    runtime.block_on(async {
        let clock = Clock::system();
        let journal = open(&path, &clock).await;
        let delivery = Delivery::new(journal.clone(), clock, &Counters::new(), connect, FAST);
        let sinks = delivery.prepare(&configuration(SINKS)).unwrap();
        delivery.subscribe(&sinks).await.unwrap();
        delivery.run(sinks, &SnapshotCell::default());
        let pending: Vec<_> = (0..write)
            .map(|_| journal.submit(Batch { entries: vec![entry("failover.held")], ..Batch::default() }))
            .collect();
        if matches!(dies, Some((_, Step::BeforeCommit))) {
            return;
        }
        for pending in pending {
            pending.await.unwrap();
        }
        if dies.is_some_and(|(_, step)| step != Step::AfterAcknowledge) {
            let death = tokio::task::spawn_blocking(move || death.recv_timeout(Duration::from_secs(20)));
            death.await.unwrap().unwrap();
            return;
        }
        super::world::until("all of it was acknowledged", || {
            journal.reader().outbox_sinks().unwrap().iter().all(|s| s.pending == 0)
        })
        .await;
    });
    // No task is waited for: none is given a chance to clean up.
    runtime.shutdown_background();
}

/// The process before may not have let go of the lock yet.
async fn open(path: &Path, clock: &Clock) -> Journal {
    for _ in 0..1000 {
        match Journal::open(Options::new(path.to_owned(), clock.clone())) {
            Ok((journal, _)) => return journal,
            Err(JournalError::InUse { .. }) => tokio::time::sleep(Duration::from_millis(5)).await,
            Err(error) => panic!("{error}"),
        }
    }
    panic!("the journal stays locked");
}

#[test]
fn wherever_it_dies_nothing_is_lost_forged_or_out_of_order() {
    for step in STEPS {
        for nth in 0..ENTRIES {
            let folder = tempfile::tempdir().unwrap();
            let received = Arc::new(Mutex::new(Vec::new()));
            live(folder.path(), &received, ENTRIES, Some((nth, step)));
            live(folder.path(), &received, 1, None);
            check(folder.path(), &received.lock().unwrap(), &format!("{step:?} of request {nth}"));
        }
    }
}

fn check(folder: &Path, received: &[Value], what: &str) {
    let reader = trunkwarden::journal::Reader::open(&folder.join("journal.db")).unwrap();
    reader.verify().unwrap();
    let log: BTreeMap<u64, Value> = reader
        .entries(&trunkwarden::journal::Filter::default())
        .unwrap()
        .entries
        .into_iter()
        .map(|entry| (entry["seq"].as_u64().unwrap(), entry))
        .collect();
    let mut first_time: Vec<&Value> = Vec::new();
    for body in received {
        // Nothing forged: what arrives is what the log holds, whichever time it arrives.
        assert_eq!(log.get(&body["seq"].as_u64().unwrap()), Some(body), "{what}");
        if !first_time.iter().any(|before| before["id"] == body["id"]) {
            first_time.push(body);
        }
    }
    let seqs: Vec<u64> = first_time.iter().map(|body| body["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, log.keys().copied().collect::<Vec<_>>(), "{what}");
    // A crash repeats no more than one batch.
    assert!(received.len() <= log.len() + 16, "{what}: {} for {}", received.len(), log.len());
}
