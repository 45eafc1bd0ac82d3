//! An action that a crash interrupted, resumed from every state between intent and recorded outcome: the platform has
//! exactly one change in the end, nothing is repeated, and the audit log tells of it once.

use super::platform::{Death, Fate, Held, WALL, World, file};
use serde_json::{Value, json};
use std::future::Future;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use trunkwarden::policy::WallMs;

/// Where a process dies.
const STATES: [(&str, Option<(Fate, Death)>); 7] = [
    ("intent on disk, not sent", Some((Fate::Made, Death::Unsent))),
    ("sent and made, no answer", Some((Fate::Made, Death::Unanswered))),
    ("sent, no answer, made late", Some((LATE, Death::Unanswered))),
    ("sent, no answer, never made", Some((Fate::Dropped, Death::Unanswered))),
    ("answered, not visible yet", Some((LATE, Death::AtReadBack))),
    ("visible, not recorded", Some((Fate::Made, Death::AtReadBack))),
    ("outcome recorded", None),
];
const LATE: Fate = Fate::Late(Duration::from_secs(8));

/// A platform and a state directory that outlive the processes.
struct Stage {
    folder: TempDir,
    held: Arc<Mutex<Held>>,
    now: WallMs,
}

impl Stage {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), held: Arc::default(), now: WALL }
    }

    /// One process, from its start to the end of `life`; whatever is under way then is gone with it.
    fn live<T, F: Future<Output = T>>(&mut self, life: impl FnOnce(World) -> F) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let text = config(self.folder.path());
        let held = Arc::clone(&self.held);
        let (out, lasted) = runtime.block_on(async {
            let world = World::over(self.folder.path(), &text, held, self.now, Vec::new());
            let clock = world.platform.clock.clone();
            let out = life(world).await;
            (out, clock.now().since_origin())
        });
        drop(runtime);
        self.now = WallMs(self.now.0 + i64::try_from(lasted.as_millis()).unwrap() + 2000);
        out
    }
}

fn config(folder: &Path) -> String {
    format!(
        "{}[policies.default.failover]\nblock_period = \"10s\"\nfailback_after = \"2m\"\n\
         [policies.default.telemetry]\ninterval = \"20s\"\nwindow = \"1m\"\nbucket = \"20s\"\n",
        file(folder)
    )
}

/// Leaves the platform, and a daemon that has just acted on it, where the next action of `kind` is due.
async fn prepared(w: &World, kind: &str) {
    if kind == "codec" {
        let codecs = json!([{ "name": "PCMU", "priority": 1 }, { "name": "OPUS", "priority": 2 }]);
        w.platform.with(|held| held.codecs.insert("a".into(), codecs));
        w.platform.with(|held| held.loss.insert("a".into(), 0.0));
    }
    pass(70).await;
    if matches!(kind, "failback" | "cascade") {
        w.platform.say("a", "unhealthy");
        until(w, || w.told("failover.completed").unwrap() == 1).await;
    }
}

fn begin(w: &World, kind: &str) {
    match kind {
        "failover" => w.platform.say("a", "unhealthy"),
        "failback" => w.platform.say("a", "healthy"),
        "cascade" => w.platform.say("b", "unhealthy"),
        _ => w.platform.with(|held| _ = held.loss.insert("a".into(), 3.0)),
    }
}

fn in_the_end(held: &Held, kind: &str) -> bool {
    let route = held.route.get("a").map(String::as_str);
    match kind {
        "failover" => route == Some("b"),
        "failback" => route == Some("a"),
        "cascade" => route == Some("c"),
        _ => held.codecs["a"][0]["name"] == "OPUS",
    }
}

async fn pass(s: u64) {
    tokio::time::sleep(Duration::from_secs(s)).await;
}

async fn until(w: &World, holds: impl Fn() -> bool) {
    for _ in 0..100_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never came true: {:#?}", w.entries().unwrap().iter().map(|e| &e["reason"]).collect::<Vec<_>>());
}

fn count(entries: &[Value], event: &str) -> usize {
    entries.iter().filter(|entry| entry["event_type"] == event).count()
}

fn resumed(kind: &str, state: &str, dies: Option<(Fate, Death)>) {
    let case = format!("{kind}: {state}");
    let mut stage = Stage::new();
    let event = if kind == "cascade" { "failover" } else { kind };
    let (before, made_before) = stage.live(|w| async move {
        prepared(&w, kind).await;
        let before = w.told(&format!("{event}.completed")).unwrap();
        let made = w.platform.with(|held| {
            held.next = dies.map(|(fate, death)| (fate, Some(death)));
            held.made.len()
        });
        begin(&w, kind);
        if dies.is_some() {
            tokio::time::timeout(Duration::from_mins(20), w.platform.death.notified()).await.expect("it acts");
        } else {
            until(&w, || w.told(&format!("{event}.completed")).unwrap() > before).await;
        }
        assert_eq!(w.told(&format!("{event}.intended")).unwrap(), before + 1);
        (before, made)
    });
    if kind == "codec" {
        // The new order helps, whether it was made already or not.
        let mut held = stage.held.lock().unwrap();
        let loss = if in_the_end(&held, kind) { 0.0 } else { 3.0 };
        held.loss.insert("a".into(), loss);
    }
    let entries = stage.live(|w| async move {
        for _ in 0..60 {
            pass(10).await;
            if kind == "codec" && w.platform.with(|held| in_the_end(held, kind)) {
                w.platform.with(|held| held.loss.insert("a".into(), 0.0));
            }
        }
        let snapshot = w.daemon.snapshot.read();
        assert!(snapshot.orphans_resolved && snapshot.tenants.values().all(|t| t.report.in_flight == 0));
        w.entries().unwrap()
    });
    let held = stage.held.lock().unwrap();
    assert!(in_the_end(&held, kind), "{case}: {:?}", held.changes);
    assert_eq!(held.made.len(), made_before + 1, "{case}: made {:?} of {:?}", held.made, held.changes);
    // What never reached the platform, or never showed there, is decided and sent once more.
    let again = usize::from(matches!(dies, Some((_, Death::Unsent) | (Fate::Dropped, _))));
    let unsent = usize::from(matches!(dies, Some((_, Death::Unsent))));
    assert_eq!(held.changes.len(), made_before + 1 + again - unsent, "{case}: {:?}", held.changes);
    assert_eq!(count(&entries, &format!("{event}.intended")), before + 1 + again, "{case}");
    assert_eq!(count(&entries, &format!("{event}.completed")), before + 1, "{case}");
    assert_eq!(count(&entries, &format!("{event}.failed")), again, "{case}");
    assert_eq!(count(&entries, "journal.orphan_resolved"), usize::from(dies.is_some()), "{case}");
    assert_eq!(count(&entries, "channel.route_changed"), 0, "{case}: the route is ours");
}

fn from_every_state(kind: &str) {
    for (state, dies) in STATES {
        resumed(kind, state, dies);
    }
}

#[test]
fn a_failover_is_resumed_from_every_state() {
    from_every_state("failover");
}

#[test]
fn a_failback_is_resumed_from_every_state() {
    from_every_state("failback");
}

#[test]
fn a_codec_order_is_resumed_from_every_state() {
    from_every_state("codec");
}

#[test]
fn a_cascade_is_resumed_from_every_state() {
    from_every_state("cascade");
}
