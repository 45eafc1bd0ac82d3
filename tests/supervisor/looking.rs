//! How a tenant is looked at when its list, its telemetry or its limit is not as one would wish.

use crate::pass;
use crate::scene::{Bent, Scene, Tuned, is_list, is_telemetry};
use prometheus::proto::MetricFamily;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use trunkwarden::policy::{ChannelKey, Health, Time};

const fn tuned(channels: usize, limit: u32, interval: u64) -> Tuned {
    Tuned { channels, limit, interval, extra: String::new() }
}

fn health(scene: &Scene, id: &str) -> Health {
    scene.snapshot().channels.get(&ChannelKey::new("acme", id)).map_or(Health::Unknown, |channel| channel.health)
}

#[tokio::test(start_paused = true)]
async fn a_list_that_fails_is_no_blindness_and_singles_go_on() {
    for bent in [
        || Bent::Instead(500, r#"{"error":"internal"}"#),
        || Bent::Late(Duration::from_mins(1)),
        || Bent::Instead(200, "<html>maintenance</html>"),
        || Bent::Instead(403, r#"{"error":"forbidden"}"#),
    ] {
        let scene = Scene::start(&tuned(12, 100, 10), |_| ());
        scene.bend(move |request| if is_list(request) { bent() } else { Bent::Straight });
        pass(90).await;
        assert_eq!(scene.up(), 12, "{:?}", scene.healths());
        scene.say("ch-0001", "unhealthy");
        pass(90).await;
        assert_eq!((scene.told("blind.entered"), scene.told("failover.completed")), (0, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn blind_is_who_cannot_be_seen_singly_either() {
    let scene = Scene::start(&tuned(12, 100, 10), |_| ());
    pass(60).await;
    scene.bend(|_| Bent::Instead(503, "{}"));
    pass(60).await;
    assert_eq!((scene.told("blind.entered"), scene.told("failover.requested")), (1, 0));
    scene.bend(|_| Bent::Straight);
    pass(120).await;
    assert_eq!((scene.told("blind.left"), scene.up()), (1, 12));
}

#[tokio::test(start_paused = true)]
async fn a_page_may_be_as_slow_as_the_slowest_look_may_be() {
    let slow = "[policies.slow.health]\ninterval = \"60s\"\ntimeout = \"20s\"\n\
                [[channels]]\nid = \"ch-0012\"\ntenant = \"acme\"\npolicy = \"slow\"\n";
    let scene = Scene::start(&Tuned { extra: slow.to_owned(), ..tuned(11, 100, 30) }, |scenario| {
        *scenario = trunkwarden::sim::Scenario {
            options: scenario.options.clone(),
            ..trunkwarden::sim::Scenario::quiet(7, 12)
        };
    });
    scene.bend(|request| if is_list(request) { Bent::Late(Duration::from_secs(8)) } else { Bent::Straight });
    pass(180).await;
    assert_eq!(scene.up(), 12);
    assert!(scene.sent("GET /api/v2/channels/", Time::ZERO) < 12, "the list, though slow, is used");
}

#[tokio::test(start_paused = true)]
async fn a_big_tenant_with_a_list_is_looked_at_from_its_first_minute_and_after_a_restart() {
    let thousand = tuned(1000, 100, 10);
    let mut scene = Scene::start(&thousand, |scenario| scenario.options.page_size = 100);
    for process in 0..2 {
        pass(150).await;
        assert_eq!(scene.up(), 1000, "process {process}: {:?}", scene.healths());
        assert!(scene.effective() < Duration::from_secs(30), "{:?}", scene.effective());
        for minute in 2..5 {
            let before = scene.clock.now();
            pass(60).await;
            assert!(scene.sent("GET /api/v2/channels", before) >= 30, "process {process}, minute {minute}");
        }
        assert!(scene.fullest_minute() <= 100);
        scene = scene.again(&thousand, Duration::from_secs(20)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_armed_is_timed_anew_when_the_plan_changes() {
    // One by one 200 channels take many minutes; then there is a list.
    let scene = Scene::start(&tuned(200, 60, 10), |scenario| scenario.options.page_size = 100);
    scene.bend(|request| if is_list(request) { Bent::Instead(500, "{}") } else { Bent::Straight });
    pass(300).await;
    assert!(scene.effective() > Duration::from_secs(150), "{:?}", scene.effective());
    scene.bend(|_| Bent::Straight);
    // It is tried again within ten minutes; from then on the interval is the configured one.
    pass(660).await;
    let since = scene.clock.now();
    pass(60).await;
    assert!(scene.sent("GET /api/v2/channels", since) >= 10);
    assert_eq!((scene.up(), scene.effective()), (200, Duration::from_secs(10)));
}

#[tokio::test(start_paused = true)]
async fn a_tenant_without_a_list_is_asked_one_by_one_and_the_list_tried_every_ten_minutes() {
    for status in [404, 405, 501] {
        let scene = Scene::start(&tuned(8, 100, 30), |_| ());
        scene.bend(move |request| if is_list(request) { Bent::Instead(status, "{}") } else { Bent::Straight });
        pass(25 * 60).await;
        assert_eq!((scene.up(), scene.told("blind.entered")), (8, 0));
        let list = scene.way.sent.lock().unwrap().iter().filter(|sent| sent.what == "GET /api/v2/channels").count();
        assert_eq!(list, 3, "status {status}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_list_leaves_out_is_asked_for_singly_and_is_not_missing() {
    let scene = Scene::start(&tuned(8, 100, 30), |_| ());
    let left_out = |page: &mut Value| page["channels"].as_array_mut().unwrap().retain(|c| c["id"] != "ch-0003");
    scene.bend(move |request| if is_list(request) { Bent::Edited(Box::new(left_out)) } else { Bent::Straight });
    pass(180).await;
    assert_eq!((scene.up(), scene.told("channel.missing")), (8, 0));
    assert!(scene.sent("GET /api/v2/channels/ch-0003", Time::ZERO) >= 4);
    assert_eq!(scene.sent("GET /api/v2/channels/ch-0004", Time::ZERO), 0);
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_a_page_shows_three_times_was_looked_at_once() {
    let scene = Scene::start(&tuned(8, 100, 30), |_| ());
    let thrice = |page: &mut Value| {
        let rows = page["channels"].as_array_mut().unwrap();
        let first = rows[0].clone();
        rows.extend([first.clone(), first]);
    };
    scene.bend(move |request| if is_list(request) { Bent::Edited(Box::new(thrice)) } else { Bent::Straight });
    pass(100).await;
    scene.say("ch-0001", "unhealthy");
    let bad = |scene: &Scene| scene.sent("GET /api/v2/channels/ch-0001", Time::ZERO) > 0;
    while !bad(&scene) {
        assert_ne!(health(&scene, "ch-0001"), Health::Down, "down by one page");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_ne!(health(&scene, "ch-0001"), Health::Down);
    pass(30).await;
    assert_eq!(scene.told("failover.completed"), 1);
    let families = scene.daemon.counters.gather();
    let counted =
        families.iter().filter(|family| family.name().contains("malformed")).flat_map(MetricFamily::get_metric);
    assert!(counted.map(|metric| metric.get_counter().get_value()).sum::<f64>() >= 2.0, "a repeated row is counted");
}

#[tokio::test(start_paused = true)]
async fn a_list_that_goes_round_and_round_costs_no_more_than_its_pages() {
    for (round, channels) in [(0, 8), (1, 60)] {
        let scene = Scene::start(&tuned(channels, 200, 30), |scenario| scenario.options.page_size = 4);
        // Every page names the same page, or one of a few pages, as the next one.
        let back = move |page: &mut Value| {
            if round == 0 || page["next"].is_null() {
                page["next"] = json!("round-again");
            }
        };
        scene.bend(move |request| match is_list(request) {
            true if request.url.contains("round-again") => {
                Bent::Instead(200, r#"{"channels": [], "next": "round-again"}"#)
            }
            true => Bent::Edited(Box::new(back)),
            false => Bent::Straight,
        });
        pass(240).await;
        assert_eq!(scene.up(), channels);
        let pages = scene.way.sent.lock().unwrap().iter().filter(|sent| sent.what.contains("round-again")).count();
        assert!(pages <= 10, "{pages} requests for the page that leads nowhere");
    }
}

#[tokio::test(start_paused = true)]
async fn suspects_of_a_slow_policy_make_no_healthy_channel_stale() {
    let slow = "[policies.slow.health]\ninterval = \"60s\"\n\
                [[channels]]\nid = \"ch-0041\"\ntenant = \"acme\"\npolicy = \"slow\"\nfailover = [\"ch-0042\"]\n\
                [[channels]]\nid = \"ch-0042\"\ntenant = \"acme\"\npolicy = \"slow\"\nfailover = []\n";
    let scene = Scene::start(&Tuned { extra: slow.to_owned(), ..tuned(40, 100, 10) }, |scenario| {
        let options = scenario.options.clone();
        *scenario = trunkwarden::sim::Scenario { options, ..trunkwarden::sim::Scenario::quiet(7, 42) };
        scenario.options.list_absent = true;
    });
    pass(300).await;
    scene.say("ch-0042", "degraded");
    scene.say("ch-0041", "unhealthy");
    pass(300).await;
    for _ in 0..30 {
        assert_eq!(scene.up(), 40, "{:?}", scene.healths());
        pass(10).await;
    }
}

#[tokio::test(start_paused = true)]
async fn one_item_without_a_channel_takes_nothing_from_the_looks_and_no_score_from_the_others() {
    let scene = Scene::start(&tuned(40, 100, 30), |scenario| scenario.options.list_absent = true);
    let lacking = |answer: &mut Value| {
        let items = answer["metrics"].as_array_mut().unwrap();
        if let Some(item) = items.iter_mut().find(|item| item["channelId"] == "ch-0007") {
            item.as_object_mut().unwrap().remove("channelId");
        }
    };
    pass(300).await;
    let calm = scene.effective();
    scene.bend(move |request| if is_telemetry(request) { Bent::Edited(Box::new(lacking)) } else { Bent::Straight });
    pass(600).await;
    assert_eq!(scene.effective(), calm);
    let scored = scene.snapshot().channels.values().filter(|channel| channel.quality.is_some()).count();
    assert!(scored >= 39, "{scored} of 40");
}

#[tokio::test(start_paused = true)]
async fn channels_are_asked_for_one_by_one_without_haste_and_together_again_later() {
    let scene = Scene::start(&tuned(40, 100, 30), |scenario| scenario.options.list_absent = true);
    let nobodys = |answer: &mut Value| {
        for item in answer["metrics"].as_array_mut().unwrap() {
            item.as_object_mut().unwrap().remove("channelId");
        }
    };
    pass(300).await;
    let calm = scene.effective();
    scene.bend(move |request| if is_telemetry(request) { Bent::Edited(Box::new(nobodys)) } else { Bent::Straight });
    pass(300).await;
    assert_eq!((scene.effective(), scene.up()), (calm, 40));
    scene.bend(|_| Bent::Straight);
    pass(900).await;
    let since = scene.clock.now();
    pass(300).await;
    assert!(scene.sent("POST /api/v2/telemetry", since) <= 6, "one query a minute for all of them");
}

#[tokio::test(start_paused = true)]
async fn one_unknown_id_costs_nobody_else_his_score() {
    for (status, body) in [(404, r#"{"error":"unknown channel"}"#), (400, r#"{"error":"no such channel"}"#)] {
        let scene = Scene::start(&tuned(30, 200, 30), |_| ());
        let poison = |request: &trunkwarden::platform::Request| {
            is_telemetry(request)
                && String::from_utf8_lossy(request.body.as_deref().unwrap_or_default()).contains("ch-0013")
        };
        scene.bend(move |request| if poison(request) { Bent::Instead(status, body) } else { Bent::Straight });
        pass(400).await;
        let scored = scene.snapshot().channels.values().filter(|channel| channel.quality.is_some()).count();
        assert_eq!((scored, scene.up()), (29, 30), "status {status}");
        let since = scene.clock.now();
        pass(600).await;
        assert!(scene.sent("POST /api/v2/telemetry", since) <= 11, "it is left out for a while");
    }
}

/// Splitting ends at somebody who was refused alone, with the last answer of a fault that is over by the next query.
#[tokio::test(start_paused = true)]
async fn a_refusal_that_ends_within_a_round_costs_nobody_an_hour() {
    for (status, body) in [(404, r#"{"error":"not found"}"#), (400, "{}"), (404, "<html>not found</html>")] {
        let scene = Scene::start(&tuned(30, 200, 30), |_| ());
        let refused = AtomicU32::new(0);
        // Thirty, fifteen, seven, three, one.
        scene.bend(move |request| {
            let first = is_telemetry(request) && refused.fetch_add(1, Ordering::Relaxed) < 5;
            if first { Bent::Instead(status, body) } else { Bent::Straight }
        });
        pass(400).await;
        let scored = scene.snapshot().channels.values().filter(|channel| channel.quality.is_some()).count();
        assert_eq!(scored, 30, "status {status} {body}");
    }
}

#[tokio::test(start_paused = true)]
async fn telemetry_that_is_refused_altogether_costs_little() {
    let scene = Scene::start(&tuned(100, 200, 30), |_| ());
    scene.bend(|request| if is_telemetry(request) { Bent::Instead(404, "{}") } else { Bent::Straight });
    pass(600).await;
    assert_eq!(scene.up(), 100);
    assert!(scene.sent("POST /api/v2/telemetry", Time::ZERO) <= 60);
}

#[tokio::test(start_paused = true)]
async fn channels_that_hang_slow_nobody_else() {
    let scene = Scene::start(&tuned(40, 200, 30), |scenario| scenario.options.list_absent = true);
    let hangs =
        |request: &trunkwarden::platform::Request| (1..=10).any(|n| request.url.ends_with(&format!("/ch-{n:04}")));
    scene.bend(move |request| if hangs(request) { Bent::Late(Duration::from_mins(1)) } else { Bent::Straight });
    pass(200).await;
    assert_eq!(scene.up(), 30, "{:?}", scene.healths());
    scene.say("ch-0020", "unhealthy");
    pass(60).await;
    assert_eq!((scene.told("failover.completed"), scene.up()), (1, 29));
}

#[tokio::test(start_paused = true)]
async fn a_reload_that_changes_the_connection_keeps_the_budget() {
    let mut scene = Scene::start(&tuned(40, 30, 30), |scenario| scenario.options.list_absent = true);
    pass(130).await;
    for n in 0..3 {
        let header = format!("[tenants.acme.headers]\nX-Test = \"{n}\"\n");
        scene.reload(&Tuned { extra: header, ..tuned(40, 30, 30) }).await;
        pass(20).await;
    }
    pass(130).await;
    assert!(scene.fullest_minute() <= 30, "{} in a minute", scene.fullest_minute());
}

#[tokio::test(start_paused = true)]
async fn at_six_requests_a_minute_a_dead_trunk_is_left_within_minutes() {
    for limit in [6, 10] {
        let scene = Scene::start(&tuned(3, limit, 30), |scenario| scenario.options.list_absent = true);
        pass(600).await;
        assert_eq!(scene.up(), 3);
        scene.say("ch-0001", "unhealthy");
        pass(480).await;
        assert_eq!(scene.told("failover.completed"), 1, "at {limit} a minute");
        assert_eq!(scene.told("failover.withdrawn"), 0, "nothing was decided in vain");
    }
}
