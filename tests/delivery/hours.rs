//! What takes hours, on a clock that the test drives: the pace of repetitions, Retry-After, and who else notices.

use super::world::{World, entry};
use axum::http::{HeaderMap, StatusCode, header};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use trunkwarden::clock::Clock;
use trunkwarden::delivery::{Connect, Outgoing, Pace, Post};
use trunkwarden::journal::{Batch, IdSource, Journal};
use trunkwarden::platform::TransportError;
use trunkwarden::policy::{Time, WallMs};

type Rule = Arc<dyn Fn(usize, Time) -> (u16, Option<&'static str>) + Send + Sync>;

/// Sinks in process: when each was tried, by host, and what it took.
#[derive(Clone, Default)]
struct Sinks {
    tried: Arc<Mutex<BTreeMap<String, Vec<Time>>>>,
    taken: Arc<Mutex<BTreeMap<String, Vec<u64>>>>,
}

struct Fake {
    sinks: Sinks,
    clock: Clock,
    rule: Rule,
}

#[async_trait::async_trait]
impl Post for Fake {
    async fn post(&self, request: Outgoing) -> Result<(StatusCode, HeaderMap), TransportError> {
        let now = self.clock.now();
        let nth = {
            let mut tried = self.sinks.tried.lock().unwrap();
            let tried = tried.entry(request.url.clone()).or_default();
            tried.push(now);
            tried.len()
        };
        let (code, retry_after) = if request.url.contains("good") { (200, None) } else { (self.rule)(nth, now) };
        if code < 300 {
            let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
            self.sinks.taken.lock().unwrap().entry(request.url).or_default().push(body["seq"].as_u64().unwrap());
        }
        let headers = retry_after.map(|value| (header::RETRY_AFTER, value.parse().unwrap())).into_iter().collect();
        Ok((StatusCode::from_u16(code).unwrap(), headers))
    }
}

async fn world(rule: impl Fn(usize, Time) -> (u16, Option<&'static str>) + Send + Sync + 'static) -> (World, Sinks) {
    let clock = Clock::virtual_from(WallMs(1_795_251_300_000));
    let journal = Journal::in_memory(IdSource::Seeded(7), clock.clone()).unwrap();
    let (sinks, rule) = (Sinks::default(), Arc::new(rule) as Rule);
    let connect: Connect = {
        let (sinks, clock) = (sinks.clone(), clock.clone());
        Arc::new(move |_, _| Ok(Arc::new(Fake { sinks: sinks.clone(), clock: clock.clone(), rule: Arc::clone(&rule) })))
    };
    let world = World::over(tempfile::tempdir().unwrap(), journal, clock, connect, Pace::default());
    let sinks_of =
        |name: &str| format!("[[audit.export]]\nname = \"{name}\"\nurl = \"http://{name}.example\"\nbulk = false\n");
    world.configure(&format!("{}{}", sinks_of("good"), sinks_of("bad"))).await;
    (world, sinks)
}

async fn write(world: &World, count: u64) {
    for _ in 0..count {
        let entries = vec![entry("failover.held")];
        world.journal.submit(Batch { entries, ..Batch::default() }).await.unwrap();
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
}

const BAD: &str = "http://bad.example";
const GOOD: &str = "http://good.example";

#[tokio::test(start_paused = true)]
async fn an_hour_of_errors_is_waited_out_at_the_rules_pace() {
    let hour = Time::new(Duration::from_hours(1));
    let (world, sinks) = world(move |_, now| if now < hour { (500, None) } else { (200, None) }).await;
    write(&world, 400).await;
    tokio::time::sleep(Duration::from_hours(3)).await;

    assert_eq!(sinks.taken.lock().unwrap()[GOOD], (1..=400).collect::<Vec<_>>());
    assert_eq!(sinks.taken.lock().unwrap()[BAD], (1..=400).collect::<Vec<_>>());
    let tried = sinks.tried.lock().unwrap()[BAD].clone();
    let first = tried[0];
    let failed: Vec<Time> = tried.iter().copied().filter(|at| *at < hour).collect();
    assert!(failed.len() < 40, "{} attempts", failed.len());
    for pair in failed.windows(2) {
        let wait = pair[1].since(pair[0]);
        assert!(wait >= Duration::from_secs(4), "{wait:?}");
        assert!(pair[0].since(first) >= Duration::from_mins(5) || wait <= Duration::from_secs(31), "{wait:?}");
    }
    // The good one never waited for the bad one.
    let good = sinks.tried.lock().unwrap()[GOOD].clone();
    assert!(good.windows(2).all(|pair| pair[1].since(pair[0]) < Duration::from_secs(11)));
    world.delivery.stop().await;
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_honoured_in_seconds_and_as_a_date() {
    let (world, sinks) = world(|nth, _| match nth {
        1 => (429, Some("120")),
        // The calendar starts at 08:55:00, so this asks for twenty minutes from there.
        2 => (503, Some("Sat, 21 Nov 2026 09:15:00 GMT")),
        _ => (200, None),
    })
    .await;
    write(&world, 1).await;
    tokio::time::sleep(Duration::from_hours(1)).await;
    let tried = sinks.tried.lock().unwrap()[BAD].clone();
    assert_eq!(tried.len(), 3, "{tried:?}");
    assert!(tried[1].since(tried[0]) >= Duration::from_mins(2));
    let until = WallMs(1_795_252_500_000).since(WallMs(1_795_251_300_000));
    assert!(tried[2].since_origin() >= until, "{:?} before {until:?}", tried[2].since_origin());
    world.delivery.stop().await;
}
