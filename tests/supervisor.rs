//! The daemon over a platform of the test's own, under paused time: what the order and the fate of single requests must
//! not change.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use async_trait::async_trait;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use trunkwarden::clock::Clock;
use trunkwarden::config;
use trunkwarden::journal::{
    Filter, IdSource, Intent, Journal, JournalError, OpenIntent, Options, Receipt, Recovered, WriterMode,
};
use trunkwarden::platform::{
    Answer, BudgetReading, ChannelDoc, Class, ErrorClass, ListPage, Platform, PlatformError, TelemetryAnswer,
    TelemetryQuery,
};
use trunkwarden::policy::{
    Action, ActionKind, Actor, ChannelId, ChannelKey, Health, LookError, OpId, Reason, TenantId, Time, WallMs,
};
use trunkwarden::supervisor::{Clients, Counters, Daemon, Parts};

const WALL: WallMs = WallMs(1_795_000_000_000);

/// What the platform holds and how it behaves.
#[derive(Default)]
struct Held {
    status: BTreeMap<String, String>,
    route: BTreeMap<String, String>,
    gone: BTreeSet<String>,
    /// Suspect looks at these never get their turn.
    starved: BTreeSet<String>,
    /// From this moment on, whoever reads gets an error.
    deaf_from: Option<Time>,
    /// Changes are taken and not made.
    drops_changes: bool,
    /// Whoever reads runs into a defect of ours.
    broken: bool,
    changes: Vec<(String, Value)>,
}

struct Fake {
    held: Mutex<Held>,
    clock: Clock,
}

impl Fake {
    fn with<T>(&self, f: impl FnOnce(&mut Held) -> T) -> T {
        f(&mut self.held.lock().unwrap())
    }

    fn say(&self, id: &str, status: &str) {
        self.with(|held| held.status.insert(id.to_owned(), status.to_owned()));
    }

    fn doc(&self, id: &ChannelId) -> ChannelDoc {
        let id = id.as_str();
        self.with(|held| {
            let route = held.route.get(id).cloned().unwrap_or_else(|| id.to_owned());
            let status = held.status.get(id).cloned().unwrap_or_else(|| "healthy".to_owned());
            let value =
                json!({ "id": id, "status": status, "routing": { "primary_channel_id": route, "region": "east" } });
            ChannelDoc::from_value(value, None).unwrap()
        })
    }

    fn answer<T>(&self, value: T) -> Answer<T> {
        Answer { value, asked_at: self.clock.now(), answered_at: self.clock.now(), date: None }
    }
}

fn error(class: ErrorClass, look: LookError) -> PlatformError {
    let (attempted, message) = ("GET".to_owned(), "as the test wants it".to_owned());
    PlatformError { class, look, status: None, attempted, message, retry_after: None, sent: true }
}

#[async_trait]
impl Platform for Fake {
    async fn channel(&self, id: &ChannelId, class: Class, _: Duration) -> Result<Answer<ChannelDoc>, PlatformError> {
        if class == Class::Suspect && self.with(|held| held.starved.contains(id.as_str())) {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(!self.with(|held| held.broken), "a defect");
        let now = self.clock.now();
        if self.with(|held| held.deaf_from.is_some_and(|from| now >= from)) {
            return Err(error(ErrorClass::Retryable, LookError::Server));
        }
        if self.with(|held| held.gone.contains(id.as_str())) {
            return Err(error(ErrorClass::NotFound, LookError::Unexpected));
        }
        Ok(self.answer(self.doc(id)))
    }

    async fn channels(&self, _: Option<&str>, _: Class, _: Duration) -> Result<Answer<ListPage>, PlatformError> {
        Err(error(ErrorClass::Unsupported, LookError::Unexpected))
    }

    async fn telemetry(&self, _: &TelemetryQuery, _: Duration) -> Result<Answer<TelemetryAnswer>, PlatformError> {
        Ok(self.answer(TelemetryAnswer::default()))
    }

    async fn patch(
        &self,
        _: &Receipt,
        id: &ChannelId,
        body: &Value,
        _: Option<&str>,
        _: Duration,
    ) -> Result<Answer<ChannelDoc>, PlatformError> {
        self.with(|held| {
            held.changes.push((id.to_string(), body.clone()));
            if let (false, Some(to)) = (held.drops_changes, body["routing"]["primary_channel_id"].as_str()) {
                held.route.insert(id.to_string(), to.to_owned());
            }
        });
        Ok(self.answer(self.doc(id)))
    }

    async fn authorise(&self, _: Duration) -> Result<Option<Vec<String>>, PlatformError> {
        Ok(None)
    }

    fn set_limit(&self, _: u32) {}

    fn budget(&self) -> BudgetReading {
        BudgetReading { configured: 600, limit: 600, available: 600, waiting: 0 }
    }

    fn recent_requests(&self) -> Vec<Duration> {
        Vec::new()
    }
}

struct World {
    daemon: Daemon,
    platform: Arc<Fake>,
    _folder: TempDir,
}

impl World {
    fn start(orphans: Vec<OpenIntent>) -> Self {
        let clock = Clock::virtual_from(WALL);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("secret"), "s3cret").unwrap();
        let text = format!(
            r#"
            [daemon]
            state_dir = "{folder}"
            mode = "enforce"
            [tenants.acme]
            base_url = "http://127.0.0.1:1"
            requests_per_minute = 600
            [tenants.acme.auth]
            client_id = "cid"
            client_secret = {{ file = "{folder}/secret" }}
            [[channels]]
            id = "a"
            tenant = "acme"
            failover = ["b", "c"]
            [[channels]]
            id = "b"
            tenant = "acme"
            failover = []
            [[channels]]
            id = "c"
            tenant = "acme"
            failover = []
            "#,
            folder = folder.path().display()
        );
        let config = config::parse_str("test.toml", &text).unwrap_or_else(|rejected| panic!("{rejected}")).config;
        let platform = Arc::new(Fake { held: Mutex::default(), clock: clock.clone() });
        let given = Arc::clone(&platform);
        let mode = WriterMode::Inline;
        let options =
            Options { mode, ids: IdSource::Seeded(1), ..Options::new(folder.path().join("journal.db"), clock.clone()) };
        let (journal, recovered) = Journal::open(options).unwrap();
        let parts = Parts {
            clock,
            journal,
            recovered: Recovered { orphans, ..recovered },
            clients: Clients::new(Box::new(move |_, _, _| Ok(Arc::clone(&given) as Arc<dyn Platform>))),
            counters: Counters::new(),
            publish_every: Duration::from_millis(100),
            keep_observations: false,
            on_beat: Box::new(|| ()),
        };
        let (daemon, _reloads) = Daemon::start(&config, parts).unwrap();
        Self { daemon, platform, _folder: folder }
    }

    /// How often the audit log tells of this event.
    fn told(&self, event: &str) -> Result<usize, JournalError> {
        let page = self.daemon.reader.entries(&Filter { limit: 1000, ..Filter::default() })?;
        Ok(page.entries.iter().filter(|entry| entry["event_type"] == event).count())
    }

    fn changes(&self) -> usize {
        self.platform.with(|held| held.changes.len())
    }
}

async fn pass(s: u64) {
    tokio::time::sleep(Duration::from_secs(s)).await;
}

#[tokio::test(start_paused = true)]
async fn a_stranded_channel_moves_at_once_when_a_candidate_becomes_fit() {
    let w = World::start(Vec::new());
    pass(70).await;
    w.platform.say("b", "degraded");
    w.platform.say("c", "degraded");
    pass(35).await;
    w.platform.say("a", "unhealthy");
    pass(60).await;
    assert_eq!((w.told("failover.no_candidate").unwrap(), w.changes()), (1, 0));
    w.platform.say("b", "healthy");
    pass(60).await;
    assert_eq!(w.told("failover.failed").unwrap(), 0, "nothing was tried in vain");
    assert_eq!((w.told("failover.completed").unwrap(), w.changes()), (1, 1));
    let body = w.platform.with(|held| held.changes[0].1.clone());
    assert_eq!(body["routing"], json!({ "primary_channel_id": "b", "region": "east" }));
}

#[tokio::test(start_paused = true)]
async fn a_last_look_does_not_wait_behind_a_look_that_waits_for_its_turn() {
    let w = World::start(Vec::new());
    pass(70).await;
    w.platform.with(|held| held.starved = ["b", "c"].map(str::to_owned).into());
    w.platform.say("a", "unhealthy");
    pass(45).await;
    assert_eq!(w.told("failover.completed").unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_action_on_a_channel_that_is_gone_is_resolved_as_unknown() {
    let action = Action {
        op: OpId(7),
        channel: ChannelKey::new("acme", "a"),
        kind: ActionKind::Failover { from: "a".into(), to: "b".into() },
        reason: Reason::Fine,
        actor: Actor::Engine,
        evidence_at: Time::ZERO,
        action_timeout: Duration::from_secs(10),
        verify_for: Duration::from_secs(30),
    };
    let intent = Intent {
        op: action.op,
        tenant: "acme".into(),
        channel: "a".into(),
        kind: "failover".into(),
        action: serde_json::to_value(&action).unwrap(),
    };
    let w = World::start(vec![OpenIntent { intent, opened_at: WALL }]);
    w.platform.with(|held| held.gone.insert("a".to_owned()));
    pass(5).await;
    assert_eq!(w.told("journal.orphan_resolved").unwrap().min(1), 1);
    let snapshot = w.daemon.snapshot.read();
    assert!(snapshot.orphans_resolved);
    assert_eq!(snapshot.tenants[&TenantId::from("acme")].report.in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn a_change_is_not_made_only_where_the_last_word_was_the_old_state() {
    let w = World::start(Vec::new());
    pass(70).await;
    w.platform.with(|held| held.drops_changes = true);
    w.platform.say("a", "unhealthy");
    while w.changes() == 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let sent = w.platform.clock.now();
    w.platform.with(|held| held.deaf_from = Some(sent + Duration::from_secs(20)));
    pass(45).await;
    assert_eq!((w.told("failover.failed").unwrap(), w.told("failover.unknown").unwrap()), (0, 1));
    assert_eq!(w.changes(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_calendar_that_is_set_makes_all_evidence_stale_and_moves_nothing() {
    let w = World::start(Vec::new());
    pass(70).await;
    let healths = || w.daemon.snapshot.read().channels.values().map(|c| c.health).collect::<Vec<_>>();
    assert_eq!(healths(), [Health::Up; 3]);
    // Silence, so that nothing is known anew, and then an hour at once.
    w.platform.with(|held| held.deaf_from = Some(Time::ZERO));
    w.platform.clock.step_wall(3_600_000);
    pass(2).await;
    assert_eq!(healths(), [Health::Unknown; 3]);
    assert_eq!((w.told("process.clock_jumped").unwrap(), w.changes()), (1, 0));
    w.platform.with(|held| held.deaf_from = None);
    pass(90).await;
    assert_eq!(healths(), [Health::Up; 3]);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_dies_ends_the_daemon() {
    let mut w = World::start(Vec::new());
    pass(70).await;
    w.platform.with(|held| held.broken = true);
    let ended = tokio::time::timeout(Duration::from_mins(2), w.daemon.stopped()).await;
    assert!(ended.expect("it ends").is_err());
}
