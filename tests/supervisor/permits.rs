//! Others who change the platform, beside the engine: it goes first, and never at the same time.

use super::pass;
use super::platform::{self, Held, WALL, World};
use serde_json::json;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use trunkwarden::policy::{ChannelKey, Order as Word};
use trunkwarden::provision::Order;

const DESIRED: &str = "[policies.default.health]\ninterval = \"1s\"\ntimeout = \"900ms\"\nfast_interval = \"200ms\"\n\
    [policies.default.provisioning]\nmode = \"enforce\"\ninterval = \"10s\"\n\
    [[channels]]\nname = \"trunk\"\ntenant = \"acme\"\n[channels.provision]\nsip_server = \"sip.example\"\n\
    username = \"u\"\npassword = { env = \"TRUNKWARDEN_TEST_NO_SUCH_VARIABLE\" }\nfailover = [\"b\"]\n\
    codecs = [{ name = \"OPUS\", priority = 1 }, { name = \"PCMU\", priority = 2 }]\n";

struct Desiring {
    w: World,
    folder: tempfile::TempDir,
}

/// `p` is desired as `trunk`, has the backup `b`, and shows no codecs yet, which is no drift.
async fn desiring(edit: impl FnOnce(&mut Held)) -> Desiring {
    let folder = tempfile::tempdir().unwrap();
    let text = platform::file(folder.path()) + DESIRED;
    let held: Arc<Mutex<Held>> = Arc::default();
    held.lock().unwrap().backups.insert("p".to_owned(), vec!["b".to_owned()]);
    edit(&mut held.lock().unwrap());
    let w = World::over(folder.path(), &text, held, WALL, Vec::new());
    pass(70).await;
    let adopt = Order::Adopt { tenant: None, name: "trunk".into(), id: "p".into(), who: "operator:test".into() };
    let run = w.daemon.provisioning.give(adopt).unwrap();
    pass(70).await;
    let run = w.daemon.provisioning.run(run).unwrap();
    assert_eq!((run.over, run.error), (true, None));
    assert_eq!(w.told("provision.adopted").unwrap(), 1);
    Desiring { w, folder }
}

fn drift(w: &World) {
    let codecs = json!([{ "name": "PCMU", "priority": 1 }, { "name": "OPUS", "priority": 2 }]);
    w.platform.with(|held| held.codecs.insert("p".to_owned(), codecs));
}

#[tokio::test(start_paused = true)]
async fn an_amendment_that_is_sent_is_waited_for_before_the_engine_acts() {
    let Desiring { w, folder: _folder } = desiring(|held| held.amend_takes = Duration::from_secs(9)).await;
    drift(&w);
    let amended = || w.platform.with(|held| held.amended.clone());
    while amended().is_empty() {
        pass(1).await;
    }
    // Down within 3 s, in the middle of the amendment.
    w.platform.say("p", "unhealthy");
    pass(7).await;
    assert_eq!((w.told("failover.intended").unwrap(), w.changes()), (1, 0), "it is decided, and waits");
    pass(20).await;
    assert_eq!(w.told("failover.completed").unwrap(), 1);
    let (amended, moved) = (amended(), w.platform.with(|held| held.changed_at[0]));
    assert!(moved.since(amended[0].0) >= Duration::from_secs(9), "{:?} {moved:?}", amended[0].0);
    for (_, body) in &amended {
        assert!(body.get("routing").is_none(), "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_amendment_that_waits_is_called_back_when_the_engine_acts() {
    let Desiring { w, folder: _folder } = desiring(|held| held.amend_waits = true).await;
    drift(&w);
    pass(15).await;
    assert_eq!(w.told("provision.requested").unwrap(), 1);
    w.platform.say("p", "unhealthy");
    pass(60).await;
    assert_eq!(w.told("failover.completed").unwrap(), 1);
    let failed = w.entries().unwrap().into_iter().find(|e| e["event_type"] == "provision.failed").unwrap();
    assert!(failed["reason"].as_str().unwrap().contains("comes first"), "{failed}");
    assert!(w.platform.with(|held| held.amended.is_empty()));
}

#[tokio::test(start_paused = true)]
async fn a_pause_and_another_configuration_call_back_what_waits() {
    let Desiring { mut w, folder } = desiring(|held| held.amend_waits = true).await;
    drift(&w);
    pass(15).await;
    w.daemon.orders.give(Word::Pause { tenant: None }, "test".to_owned()).await.unwrap();
    assert!(w.daemon.snapshot.read().paused, "whoever asks after the answer is told of it");
    pass(1).await;
    assert_eq!(w.told("provision.failed").unwrap(), 1);
    pass(60).await;
    assert_eq!(
        (w.told("provision.requested").unwrap(), w.told("provision.failed").unwrap()),
        (1, 1),
        "held until resumed"
    );
    w.daemon.orders.give(Word::Resume { tenant: None }, "test".to_owned()).await.unwrap();
    pass(15).await;
    assert_eq!(w.told("provision.requested").unwrap(), 2);

    let observing = platform::file(folder.path()).replace("enforce", "observe") + DESIRED;
    w.reloads.give(&platform::parse(&observing), "test".to_owned()).await.unwrap();
    pass(60).await;
    let failed = w.entries().unwrap().into_iter().find(|e| e["event_type"] == "provision.failed").unwrap();
    assert!(failed["reason"].as_str().unwrap().contains("another configuration"), "{failed}");
    assert_eq!(w.told("provision.requested").unwrap(), 2);
    assert!(w.platform.with(|held| held.amended.is_empty()));
}

/// A daemon whose channel `a` has failed over, and one of its five calls is rescued a minute.
async fn rescuing() -> (World, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let text = platform::file(folder.path())
        + "[tenants.acme.bridge]\n[tenants.acme.paths]\ncalls = \"/calls?channel={id}\"\n\
           [policies.default.health]\ninterval = \"1s\"\ntimeout = \"900ms\"\nfast_interval = \"200ms\"\n\
           [policies.default.rescue]\ntarget = \"phone:+12025550100\"\nper_minute = 1\n";
    let held: Arc<Mutex<Held>> = Arc::default();
    (held.lock().unwrap().has_calls, held.lock().unwrap().calls) = (true, 5);
    let w = World::over(folder.path(), &text, held, WALL, Vec::new());
    pass(70).await;
    w.platform.say("a", "unhealthy");
    while bridged(&w) == 0 {
        pass(1).await;
    }
    (w, folder)
}

fn bridged(w: &World) -> usize {
    w.platform.with(|held| held.bridged.len())
}

#[tokio::test(start_paused = true)]
async fn a_rescue_goes_on_while_its_channel_stays_down() {
    let (w, _folder) = rescuing().await;
    pass(300).await;
    assert_eq!((bridged(&w), w.told("rescue.ended").unwrap()), (5, 1));
}

#[tokio::test(start_paused = true)]
async fn a_rescue_stops_where_its_channel_comes_back_or_is_worked_on_or_is_held() {
    let maintenance = Word::StartMaintenance {
        channel: ChannelKey::new("acme", "a"),
        lasts: Duration::from_hours(1),
        reason: "new cables".to_owned(),
    };
    let cases = [
        (None, "no longer down"),
        (Some(maintenance), "in maintenance"),
        (Some(Word::Pause { tenant: None }), "everything is paused"),
    ];
    for (word, why) in cases {
        let (w, _folder) = rescuing().await;
        match word {
            Some(word) => w.daemon.orders.give(word, "test".to_owned()).await.unwrap(),
            None => w.platform.say("a", "healthy"),
        }
        pass(130).await;
        assert_eq!(bridged(&w), 1, "{why}");
        assert!(stopped(&w).iter().any(|stopped| stopped.contains(why)), "{why}: {:?}", stopped(&w));
    }
}

fn stopped(w: &World) -> Vec<String> {
    let ended = w.entries().unwrap().into_iter().filter(|entry| entry["event_type"] == "rescue.ended");
    ended.map(|entry| entry["details"]["stopped"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_rescue_stops_where_the_traffic_goes_elsewhere_and_another_goes_on_over_that() {
    let (w, _folder) = rescuing().await;
    let on = Word::Failover { channel: ChannelKey::new("acme", "a"), to: "c".into(), force: true };
    w.daemon.orders.give(on, "test".to_owned()).await.unwrap();
    pass(600).await;
    assert_eq!((bridged(&w), w.told("rescue.started").unwrap()), (5, 2));
    assert!(stopped(&w).iter().any(|stopped| stopped.contains("its traffic now goes to c")), "{:?}", stopped(&w));
}

#[tokio::test(start_paused = true)]
async fn what_the_daemon_does_by_itself_waits_for_the_end_of_a_maintenance_and_a_persons_apply_does_not() {
    let Desiring { w, folder: _folder } = desiring(|_| ()).await;
    let maintenance = Word::StartMaintenance {
        channel: ChannelKey::new("acme", "p"),
        lasts: Duration::from_hours(1),
        reason: "new cables".to_owned(),
    };
    w.daemon.orders.give(maintenance, "test".to_owned()).await.unwrap();
    drift(&w);
    pass(60).await;
    let amended = || w.platform.with(|held| held.amended.len());
    assert_eq!((w.told("provision.requested").unwrap(), amended()), (0, 0));
    let apply = Order::Apply { tenant: None, expected: None, who: "operator:test".into() };
    w.daemon.provisioning.give(apply).unwrap();
    pass(40).await;
    assert_eq!(amended(), 1);
}
