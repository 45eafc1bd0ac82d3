//! Reference targets over real sockets: our own network that is gone, and a platform that is.

use super::platform::{WALL, World, file, parse};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use trunkwarden::policy::{Health, TenantId, Time};

/// Waits, in real time, until it holds.
async fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..3000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never came true that {what}");
}

fn state(w: &World) -> &'static str {
    let snapshot = w.daemon.snapshot.read();
    let blind = snapshot.tenants[&TenantId::from("acme")].report.state == trunkwarden::policy::TenantState::Blind;
    if blind { "blind" } else { "seen" }
}

fn reasons(w: &World, event: &str) -> Vec<(bool, String)> {
    let entries = w.entries().unwrap();
    let of = entries.iter().filter(|entry| entry["event_type"] == event);
    of.map(|e| (e["tenant"].is_null(), e["reason"].as_str().unwrap_or_default().to_owned())).collect()
}

/// A daemon that is quick, over a platform that is well, with these references.
fn quick(targets: &[SocketAddr], folder: &std::path::Path) -> (World, String) {
    let targets: Vec<String> = targets.iter().map(ToString::to_string).collect();
    let text = format!(
        "{}[references]\ntargets = {targets:?}\ninterval = \"200ms\"\ntimeout = \"150ms\"\n\
         [policies.default.health]\ninterval = \"300ms\"\ntimeout = \"200ms\"\nfast_interval = \"100ms\"\n\
         [tenants.acme.limits]\nmass_hold = false\n",
        file(folder).replace("requests_per_minute = 600", "requests_per_minute = 60000")
    );
    let w = World::over(folder, &text, std::sync::Arc::default(), WALL, Vec::new());
    w.platform.with(|held| held.limit = Some(60_000));
    (w, text)
}

async fn all_up(w: &World) {
    until("every channel is up", || {
        let snapshot = w.daemon.snapshot.read();
        snapshot.channels.len() == 4 && snapshot.channels.values().all(|c| c.health == Health::Up)
    })
    .await;
}

fn reached(w: &World) -> usize {
    w.daemon.snapshot.read().references.iter().filter(|reference| reference.up).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_network_gone_holds_everything_with_one_alert_and_lets_go_when_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let targets = [one.local_addr().unwrap(), two.local_addr().unwrap()];
    let (w, text) = quick(&targets, folder.path());
    all_up(&w).await;
    until("both references answer", || reached(&w) == 2).await;
    drop(one);
    until("one answers", || reached(&w) == 1).await;
    assert_eq!(state(&w), "seen", "one is enough");
    drop(two);
    until("the tenant is blind", || state(&w) == "blind").await;
    w.platform.say("a", "unhealthy");
    until("it is held", || {
        let snapshot = w.daemon.snapshot.read();
        snapshot.channels.values().any(|channel| channel.held == Some("network"))
    })
    .await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(w.changes(), 0);
    let told = reasons(&w, "blind.entered");
    assert_eq!((told.len(), told[0].0), (1, true), "{told:?}");
    assert!(told[0].1.starts_with("our own network is down: 0 of 2 reference targets answer"), "{told:?}");

    let _back = TcpListener::bind(targets[1]).await.unwrap();
    until("the traffic has moved", || w.told("failover.completed").unwrap() == 1).await;
    until("the tenant is seen", || state(&w) == "seen").await;
    assert_eq!((reasons(&w, "blind.left").len(), w.changes()), (1, 1));
    drop((w, text));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_that_is_gone_is_named_where_the_references_answer() {
    let folder = tempfile::tempdir().unwrap();
    let one = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (w, _) = quick(&[one.local_addr().unwrap()], folder.path());
    all_up(&w).await;
    until("the reference answers", || reached(&w) == 1).await;
    w.platform.with(|held| held.deaf_from = Some(Time::ZERO));
    until("it is told of", || w.told("blind.entered").unwrap() == 1).await;
    let told = reasons(&w, "blind.entered");
    assert!(
        !told[0].0 && told[0].1.contains("1 of 1 reference targets answer, so the fault is the platform"),
        "{told:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reference_that_never_answered_says_nothing_and_a_reload_takes_others() {
    let folder = tempfile::tempdir().unwrap();
    // A port that was free a moment ago and answers nobody.
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (mut w, text) = quick(&[nobody], folder.path());
    all_up(&w).await;
    until("it was asked", || w.daemon.snapshot.read().references.len() == 1).await;
    assert_eq!((state(&w), reached(&w)), ("seen", 0));
    let one = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let other = text.replace(&nobody.to_string(), &one.local_addr().unwrap().to_string());
    w.reloads.give(&parse(&other), "a test".to_owned()).await.unwrap();
    until("the other one is asked", || reached(&w) == 1).await;
    drop(one);
    until("it counts", || state(&w) == "blind").await;
    let none = text.replace(&format!("[references]\ntargets = [\"{nobody}\"]\n"), "[references.none]\n");
    let none: String = none.split("[references.none]").next().unwrap().to_owned();
    w.reloads.give(&parse(&none), "a test".to_owned()).await.unwrap();
    until("nothing is held any more", || state(&w) == "seen").await;
    assert!(w.daemon.snapshot.read().references.is_empty());
}
