//! Desired channels beside the engine: what a listing that skips or loops proves, whose route is sent, and who goes first.

use super::pass;
use super::platform::{self, Held, Pages, WALL, World};
use serde_json::Value;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use trunkwarden::provision::{Order, Run, What};

/// `p` is to be `trunk`, with the backup `c`.
const DESIRED: &str = "[policies.default.health]\ninterval = \"1s\"\ntimeout = \"900ms\"\nfast_interval = \"200ms\"\n\
    [policies.default.provisioning]\nmode = \"enforce\"\ninterval = \"10s\"\n\
    [[channels]]\nname = \"trunk\"\ntenant = \"acme\"\n[channels.provision]\nsip_server = \"sip.example\"\n\
    username = \"u\"\npassword = { file = \"@folder@/sip\" }\nfailover = [\"c\"]\n\
    codecs = [{ name = \"OPUS\", priority = 1 }, { name = \"PCMU\", priority = 2 }]\n";

struct Desiring {
    w: World,
    folder: tempfile::TempDir,
}

async fn desiring(edit: impl FnOnce(&mut Held)) -> Desiring {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("sip"), "pw").unwrap();
    let text = platform::file(folder.path()) + &DESIRED.replace("@folder@", folder.path().to_str().unwrap());
    let held: Arc<Mutex<Held>> = Arc::default();
    held.lock().unwrap().backups.insert("p".to_owned(), vec!["c".to_owned()]);
    edit(&mut held.lock().unwrap());
    let w = World::over(folder.path(), &text, held, WALL, Vec::new());
    pass(70).await;
    Desiring { w, folder }
}

/// The same, with `p` known to be `trunk`, up and as desired.
async fn adopted(edit: impl FnOnce(&mut Held)) -> Desiring {
    let desiring = desiring(edit).await;
    let order = Order::Adopt { tenant: None, name: "trunk".into(), id: "p".into(), who: "operator:test".into() };
    let run = desiring.w.daemon.provisioning.give(order).unwrap();
    pass(70).await;
    assert_eq!(desiring.w.daemon.provisioning.run(run).unwrap().error, None);
    assert_eq!(
        desiring.w.daemon.snapshot.read().channels.values().filter(|c| c.key.channel.as_str() == "p").count(),
        1
    );
    desiring
}

async fn ordered(w: &World, order: Order, within: u64) -> Run {
    let run = w.daemon.provisioning.give(order).unwrap();
    for _ in 0..within {
        pass(1).await;
        if let Some(run) = w.daemon.provisioning.run(run).filter(|run| run.over) {
            return run;
        }
    }
    panic!("no answer within {within} s");
}

/// Someone else names another backup.
fn drift(w: &World) {
    w.platform.with(|held| held.backups.insert("p".to_owned(), vec!["d".to_owned()]));
}

fn amended(w: &World) -> Vec<Value> {
    w.platform.with(|held| held.amended.iter().map(|(_, body)| body.clone()).collect())
}

/// Two pages, the second of which leaves `p` out every `nth` time that it is read.
fn skipping(nth: usize) -> Pages {
    let mut read = 0;
    Box::new(move |page| {
        if page.is_none() {
            return (vec![("a", "first"), ("b", "second")], Some("2".to_owned()));
        }
        read += 1;
        let mut rows = vec![("c", "third"), ("p", "trunk")];
        rows.truncate(if (read - 1) % nth == 0 { 1 } else { 2 });
        (rows, None)
    })
}

#[tokio::test(start_paused = true)]
async fn a_row_that_one_listing_skips_is_not_absent() {
    let Desiring { w, folder: _folder } = desiring(|held| held.pages = Some(skipping(3))).await;
    assert_eq!(w.platform.with(|held| held.created.len()), 0);
    assert_eq!(w.told("provision.adopted").unwrap(), 1);
    pass(300).await;
    assert_eq!(w.platform.with(|held| held.created.len()), 0, "nor once it is known");
}

#[tokio::test(start_paused = true)]
async fn what_two_listings_do_not_show_is_created_once_and_known_by_what_the_platform_said() {
    let none = || -> Pages { Box::new(|_| (vec![("a", "first")], None)) };
    let Desiring { w, folder: _folder } = desiring(|held| held.pages = Some(none())).await;
    pass(300).await;
    // The list never shows it: its own id does.
    assert_eq!(w.platform.with(|held| held.created.len()), 1);
    assert_eq!(w.told("provision.unknown").unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_id_that_the_platform_told_is_looked_at_before_another_is_created() {
    let none = || -> Pages { Box::new(|_| (vec![("a", "first")], None)) };
    let Desiring { w, folder: _folder } = desiring(|held| {
        held.pages = Some(none());
        held.gone.insert("new-1".to_owned());
    })
    .await;
    assert_eq!(w.told("provision.unknown").unwrap(), 1, "created, said the platform, and does not show it");
    w.platform.with(|held| held.gone.clear());
    pass(900).await;
    assert_eq!(w.platform.with(|held| held.created.len()), 1);
    assert_eq!(w.told("provision.adopted").unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_loops_or_never_ends_is_given_up_with_its_reason() {
    let looping: Pages = Box::new(|page| match page {
        None => (vec![("a", "first")], Some("two".to_owned())),
        Some("two") => (vec![("b", "second")], Some("three".to_owned())),
        Some(_) => (vec![("c", "third")], Some("two".to_owned())),
    });
    let mut at = 0;
    let endless: Pages = Box::new(move |_| {
        at += 1;
        (vec![("a", "first"), ("b", "second")], Some(format!("page-{at}")))
    });
    for (pages, why) in [(looping, "page `two` is given as the next page twice"), (endless, "show nothing new")] {
        let Desiring { w, folder: _folder } = desiring(|held| held.pages = Some(pages)).await;
        let run = ordered(&w, Order::Plan { tenant: None }, 30).await;
        let item = &run.plan.as_ref().unwrap().items[0];
        assert_eq!(item.what, What::Unseen);
        assert!(item.why.as_ref().unwrap().contains(why), "{item:?}");
        assert_eq!(w.platform.with(|held| held.created.len()), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn backups_are_put_right_only_where_the_channel_is_up_and_at_home() {
    let Desiring { w, folder: _folder } = adopted(|_| ()).await;
    drift(&w);
    pass(30).await;
    assert_eq!(amended(&w).len(), 1, "up and at home");
    assert_eq!(amended(&w)[0]["routing"]["failover_channels"][0], "c");
    // Down, at home, with nobody fit to take its traffic.
    w.platform.with(|held| {
        for id in ["a", "b", "c", "d"] {
            held.status.insert(id.to_owned(), "degraded".to_owned());
        }
    });
    w.platform.say("p", "unhealthy");
    pass(30).await;
    drift(&w);
    pass(60).await;
    assert_eq!(amended(&w).len(), 1, "nothing that could undo a move is sent");
    let apply = Order::Apply { tenant: None, expected: None, who: "operator:test".into() };
    let run = ordered(&w, apply, 60).await;
    assert_eq!(run.done[0].result, trunkwarden::provision::Came::Held);
    assert!(run.done[0].why.as_ref().unwrap().contains("its backups are corrected once it is home"), "{run:?}");
    w.platform.say("p", "healthy");
    pass(60).await;
    assert_eq!(amended(&w).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_unknown_its_route_holds_up_a_move_and_shows_late_as_ours() {
    // Longer than it is waited for: 10 s for the answer and 30 s to show.
    let lands = Duration::from_mins(1);
    let Desiring { w, folder: _folder } = adopted(|held| {
        held.amend_takes = Duration::from_secs(10);
        held.amend_lost = Some(Some(lands));
    })
    .await;
    drift(&w);
    while amended(&w).is_empty() {
        pass(1).await;
    }
    let sent = w.platform.clock.now();
    w.platform.with(|held| held.amend_waits = true);
    w.platform.say("p", "unhealthy");
    while w.told("failover.completed").unwrap() == 0 {
        pass(1).await;
        assert!(w.platform.clock.now().since(sent) < Duration::from_secs(80), "{:?}", w.entries().unwrap()[0]);
    }
    let moved = w.platform.with(|held| held.changed_at[0]);
    assert!(moved.since(sent) >= Duration::from_secs(38), "{moved:?}: while it could still land it was waited for");
    assert_eq!((w.told("provision.unknown").unwrap(), w.told("provision.failed").unwrap()), (1, 0));
    w.platform.say("c", "healthy");
    // It lands, and takes the route home.
    pass(60).await;
    assert!(w.platform.with(|held| held.made.len()) >= 2);
    let changed: Vec<Value> =
        w.entries().unwrap().into_iter().filter(|e| e["event_type"] == "channel.route_changed").collect();
    assert!(changed.iter().all(|entry| entry["actor"] != "outside"), "{changed:?}");
    pass(30).await;
    assert_eq!(w.platform.with(|held| held.route["p"].clone()), "c", "the move is made again");
}

#[tokio::test(start_paused = true)]
async fn what_has_sent_nothing_holds_up_no_action() {
    let Desiring { w, folder: _folder } = adopted(|_| ()).await;
    // It has its permit, and waits for its turn to read.
    w.platform.with(|held| held.pages = Some(Box::new(|_| (vec![("p", "trunk")], None))));
    drift(&w);
    w.platform.with(|held| held.rest_starves = true);
    pass(20).await;
    w.platform.say("p", "unhealthy");
    let died = w.platform.clock.now();
    while w.told("failover.completed").unwrap() == 0 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(w.platform.clock.now().since(died) < Duration::from_secs(5), "it waits for who has sent nothing");
    }
    assert!(amended(&w).is_empty());
}

fn codecs(first: &str, second: &str) -> Value {
    serde_json::json!([{ "name": first, "priority": 1 }, { "name": second, "priority": 2, "ptime": 20 }])
}

#[tokio::test(start_paused = true)]
async fn credentials_that_the_platform_lost_are_entered_again() {
    let Desiring { w, folder: _folder } = adopted(|held| {
        held.codecs.insert("p".to_owned(), codecs("OPUS", "PCMU"));
        held.credentials.insert("p".to_owned(), true);
    })
    .await;
    assert_eq!(amended(&w).len(), 0);
    w.platform.with(|held| held.credentials.insert("p".to_owned(), false));
    pass(30).await;
    let entered = serde_json::json!({ "username": "u", "password": "pw" });
    let bodies = amended(&w);
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    assert_eq!(bodies[0]["configuration"]["authentication"], entered);
    assert_eq!(bodies[0]["configuration"]["codecs"], codecs("OPUS", "PCMU"), "with everything beside it");
    // Nor is it called done where they do not show.
    w.platform.with(|held| {
        held.credentials.insert("p".to_owned(), false);
        held.amend_ignored = true;
    });
    pass(45).await;
    assert_eq!(w.told("provision.failed").unwrap(), 1);
    let failed = w.entries().unwrap().into_iter().find(|e| e["event_type"] == "provision.failed").unwrap();
    assert!(failed["reason"].as_str().unwrap().contains("does not show in configuration.authentication"), "{failed}");
}
