//! Answers that are odd, as those of real platforms and of what stands before them have been seen to be.

use crate::world::{World, json, secs, unlimited};
use serde_json::{Value, json};
use trunkwarden::platform::Response;
use trunkwarden::sim::{Answer, BridgeMode, FaultKind, Incident, Odd, Oddity, PatchMode, Scenario, TargetMode};

fn odd(is: Oddity) -> World {
    let mut scenario = unlimited(Scenario::quiet(7, 4));
    scenario.options.odd = vec![Odd::always(is)];
    scenario.options.etag = true;
    World::new(scenario)
}

fn text(response: &Response) -> String {
    String::from_utf8(response.body.to_vec()).unwrap()
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers.get(name).map(|value| value.to_str().unwrap())
}

fn list(world: &mut World) -> Value {
    json(&world.get("/api/v2/channels"))
}

fn ids(list: &Value) -> Vec<&str> {
    list["channels"].as_array().unwrap().iter().filter_map(|row| row["id"].as_str()).collect()
}

fn telemetry(world: &mut World, ids: &[&str]) -> Response {
    let query = json!({
        "interval": "1m", "metrics": ["latency_ms", "jitter_ms", "packet_loss_pct"], "dimension": "channelId",
        "filter": {"type": "and", "clauses": [
            {"dimension": "channelId", "selector": "eq", "values": ids},
            {"dimension": "conversationType", "selector": "eq", "values": ["voice"]}]},
        "from": "2026-11-21T08:55:00Z", "to": "2026-11-21T09:00:00Z"
    });
    world.send("POST", "/api/v2/telemetry/metrics", &query)
}

#[test]
fn every_oddity_has_a_key_in_scenarios_and_a_word_in_the_news() {
    for is in Oddity::ALL {
        let name = json!(is).as_str().unwrap().to_owned();
        let toml = format!(
            "[sim]\nodd = [{{ is = \"{name}\" }}]\n[[at]]\nafter = \"5s\"\nodd = {{ is = \"{name}\", for = \"1m\" }}"
        );
        let scenario = Scenario::parse(&toml).unwrap_or_else(|why| panic!("{name}: {why}"));
        assert_eq!(scenario.options.odd, [Odd::always(is)]);
        let incident = Incident::Odd(Odd { lasts: Some(secs(60)), ..Odd::always(is) });
        assert_eq!(scenario.events[0].incident, incident);
        assert_eq!(serde_json::from_value::<Incident>(json!({"odd": {"is": name, "for": "1m"}})).unwrap(), incident);
        assert!(incident.to_string().contains(&name));
    }
    for wrong in [
        "odd = { is = \"bom\", share = 1.5 }",
        "odd = { is = \"bom\", channel = \"nobody\" }",
        "odd = { is = \"strange\" }",
        "odd = {}",
    ] {
        assert!(Scenario::parse(&format!("[[at]]\nafter = \"5s\"\n{wrong}")).is_err(), "{wrong}");
    }
}

#[test]
fn texts_are_written_as_careless_serialisers_write_them() {
    let mut world = odd(Oddity::HalfSurrogate);
    assert!(text(&world.get("/api/v2/channels/ch-0001")).contains("ch-0001\\ud800\""));
    assert!(text(&world.get("/api/v2/channels")).contains("\\ud800"));
    assert_eq!(odd(Oddity::QuotedNumbers).channel("ch-0001")["configuration"]["sip_port"], "5060");
    let codecs = |is| odd(is).channel("ch-0001")["configuration"]["codecs"].clone();
    assert_eq!(codecs(Oddity::NullPriority)[2], json!({"name": "PCMU", "priority": null}));
    assert_eq!(codecs(Oddity::MissingPriority)[2], json!({"name": "PCMU"}));
    assert!(text(&odd(Oddity::FractionalPriority).get("/api/v2/channels/ch-0001")).contains("\"priority\":1.0"));
    let mut world = odd(Oddity::EmptyIds);
    assert_eq!(world.channel("ch-0001")["routing"]["primary_channel_id"], "");
    assert!(text(&telemetry(&mut odd(Oddity::NotANumber), &["ch-0001"])).contains("\"latency_ms\":NaN"));
    assert!(text(&telemetry(&mut odd(Oddity::QuotedNumbers), &["ch-0001"])).contains("\"latency_ms\":\""));
}

#[test]
fn a_byte_order_mark_stands_before_the_json() {
    let mut world = World::quiet();
    world.model.apply(secs(0), Incident::Odd(Odd::always(Oddity::Bom))).unwrap();
    assert!(world.get("/api/v2/channels/ch-0001").body.starts_with(b"\xef\xbb\xbf{"));
}

#[test]
fn what_was_shown_oddly_may_come_back_as_it_was_shown() {
    let mut world = odd(Oddity::NullPriority);
    let codecs =
        json!([{"name": "G729", "priority": 1}, {"name": "OPUS", "priority": "2"}, {"name": "PCMU", "priority": null}]);
    let body = json!({"configuration": {"codecs": codecs, "sip_port": 5060.0}});
    assert_eq!(world.patch("ch-0001", &body).status, 200);
    assert_eq!(world.model.channel("ch-0001").unwrap().codecs(), ["G729", "OPUS", "PCMU"]);
    assert_eq!(World::quiet().patch("ch-0001", &body).status, 400, "a strict platform refuses it");
}

#[test]
fn a_cache_answers_with_its_age_and_a_replica_without() {
    for (is, aged) in [(Oddity::Cached, true), (Oddity::Replica, false)] {
        let mut world = odd(is);
        world.now = secs(25);
        world.model.apply(world.now, Incident::Status { channel: "ch-0001".into(), is: "unhealthy".into() }).unwrap();
        world.now = secs(30);
        let cached = world.get("/api/v2/channels/ch-0001");
        assert_eq!(json(&cached)["status"], "healthy", "{is:?}");
        assert_eq!(header(&cached, "age"), aged.then_some("6"));
        assert_eq!(list(&mut world)["channels"][0]["status"], "healthy");
        world.now = secs(50);
        assert_eq!(world.channel("ch-0001")["status"], "unhealthy");
    }
    let mut world = odd(Oddity::NodeClock);
    let ahead = header(&world.get("/api/v2/channels/ch-0001"), "date").unwrap().to_owned();
    assert_ne!(ahead, header(&World::quiet().get("/api/v2/channels/ch-0001"), "date").unwrap());
}

#[test]
fn tags_that_never_match() {
    let mut weak = odd(Oddity::WeakEtag);
    let tag = header(&weak.get("/api/v2/channels/ch-0001"), "etag").unwrap().to_owned();
    assert_eq!(tag, "W/\"ch-0001-1\"");
    let body = json!({"routing": {"primary_channel_id": "ch-0002"}});
    assert_eq!(weak.send_with("PATCH", "/api/v2/channels/ch-0001", &body, &[("if-match", &tag)]).status, 412);
    assert_eq!(weak.patch("ch-0001", &body).status, 200);

    let mut gzip = odd(Oddity::GzipEtag);
    let bearer = format!("Bearer {}", gzip.token);
    let with = |coding: &'static str| {
        [("accept", "application/json"), ("authorization", bearer.as_str()), ("accept-encoding", coding)]
    };
    let zipped = gzip.raw("GET", "/api/v2/channels/ch-0001", &with("gzip"), b"");
    assert_eq!(header(&zipped, "etag"), Some("\"ch-0001-1-gzip\""));
    let plain = gzip.raw("GET", "/api/v2/channels/ch-0001", &with("identity"), b"");
    assert_eq!(header(&plain, "etag"), Some("\"ch-0001-1\""));
}

#[test]
fn pages_of_a_gateway_stand_where_answers_should() {
    for (kind, status) in
        [(FaultKind::Page200, 200), (FaultKind::Page403, 403), (FaultKind::Page404, 404), (FaultKind::Page502, 502)]
    {
        let mut world = World::quiet();
        world.model.apply(secs(0), Incident::Fault { kind, lasts: secs(60), paths: Vec::new() }).unwrap();
        let page = world.get("/api/v2/channels/ch-0001");
        assert_eq!((page.status.as_u16(), header(&page, "content-type")), (status, Some("text/html; charset=utf-8")));
        assert!(text(&page).starts_with("<!DOCTYPE html>"));
    }
}

#[test]
fn a_list_repeats_skips_sums_up_and_leaves_out() {
    assert_eq!(odd(Oddity::ListFails).get("/api/v2/channels").status, 500);
    assert_eq!(odd(Oddity::ListFails).get("/api/v2/channels/ch-0001").status, 200);
    let shown = list(&mut odd(Oddity::RepeatedRows));
    assert_eq!(ids(&shown), ["ch-0001", "ch-0002", "ch-0003", "ch-0004", "ch-0001", "ch-0001"]);
    assert_eq!(ids(&list(&mut odd(Oddity::SkippedRows))), ["ch-0001", "ch-0002", "ch-0003"]);
    let shown = list(&mut odd(Oddity::SummaryRows));
    assert_eq!(shown["channels"][4], json!({"type": "summary", "count": 4}));
    let shown = list(&mut odd(Oddity::BriefRows));
    assert_eq!(
        (&shown["channels"][0]["configuration"], &shown["channels"][0]["status"]),
        (&Value::Null, &json!("healthy"))
    );
    assert!(odd(Oddity::BriefRows).channel("ch-0001")["configuration"].is_object());
    let mut slow = odd(Oddity::ListSlow);
    let bearer = format!("Bearer {}", slow.token);
    let mut takes = |path: &str| {
        let headers = [("accept", "application/json"), ("authorization", bearer.as_str())];
        let (now, wall) = (slow.now, slow.wall());
        slow.model.handle(now, wall, &crate::world::request("GET", path, &headers, b"")).after
    };
    assert!(takes("/api/v2/channels") >= secs(30) && takes("/api/v2/channels/ch-0001") < secs(1));
}

#[test]
fn next_leads_back_or_never_ends() {
    for is in [Oddity::LoopingNext, Oddity::EndlessNext] {
        let mut scenario = unlimited(Scenario::quiet(7, 4));
        (scenario.options.odd, scenario.options.page_size) = (vec![Odd::always(is)], 3);
        let mut world = World::new(scenario);
        let mut next = list(&mut world)["next"].as_str().unwrap().to_owned();
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..20 {
            seen.insert(next.clone());
            let page = next.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
            next = json(&world.get(&format!("/api/v2/channels?page={page}")))["next"].as_str().unwrap().to_owned();
        }
        assert_eq!(seen.len() > 2, is == Oddity::EndlessNext, "{is:?}: {seen:?}");
    }
}

#[test]
fn targets_are_refused_or_ignored() {
    let body = json!({"status": "active", "routing": {"primary_channel_id": "ch-0002"}});
    for (mode, status) in [(TargetMode::Refused, 400), (TargetMode::Ignored, 200)] {
        let mut world = World::quiet();
        world.model.apply(secs(0), Incident::Target { channel: "ch-0002".into(), mode, lasts: secs(60) }).unwrap();
        assert_eq!(world.patch("ch-0001", &body).status, status);
        assert_eq!(world.model.channel("ch-0001").unwrap().primary(), "ch-0001");
        let other = json!({"routing": {"primary_channel_id": "ch-0003"}});
        assert_eq!(world.patch("ch-0001", &other).status, 200);
        assert_eq!(world.model.channel("ch-0001").unwrap().primary(), "ch-0003");
        world.now = secs(61);
        assert_eq!(world.patch("ch-0001", &body).status, 200);
        assert_eq!(world.model.channel("ch-0001").unwrap().primary(), "ch-0002");
    }
}

#[test]
fn a_patch_that_replaces_loses_what_was_not_sent() {
    let mut world = World::quiet();
    world.model.apply(secs(0), Incident::Patch { mode: PatchMode::Lose, lasts: secs(60), delay: None }).unwrap();
    let codecs = json!([{"name": "G729", "priority": 1}]);
    assert_eq!(world.patch("ch-0001", &json!({"configuration": {"codecs": codecs}})).status, 200);
    assert_eq!(world.channel("ch-0001")["configuration"], json!({"codecs": [{"name": "G729", "priority": 1}]}));
}

#[test]
fn telemetry_of_nobody_and_of_nothing() {
    let mut world = odd(Oddity::UnknownIdRefused);
    assert_eq!(telemetry(&mut world, &["ch-0001", "gone"]).status, 404);
    assert_eq!(telemetry(&mut world, &["ch-0001"]).status, 200);
    let mut scenario = unlimited(Scenario::quiet(7, 2));
    (scenario.options.odd, scenario.channels[0].idle) = (vec![Odd::always(Oddity::IdleZeros)], true);
    let answer = json(&telemetry(&mut World::new(scenario), &["ch-0001"]));
    assert_eq!((&answer["metrics"][0]["latency_ms"], &answer["metrics"][0]["packet_loss_pct"]), (&json!(0), &json!(0)));
}

#[test]
fn a_token_that_is_over_may_be_answered_403() {
    let mut world = odd(Oddity::ExpiredForbidden);
    world.now = secs(1801);
    assert_eq!(world.get("/api/v2/channels/ch-0001").status, 403);
}

#[test]
fn a_bridge_answered_200_may_have_failed_and_one_answered_202_is_made_later() {
    let call = "12345678-1234-1234-1234-123456789012";
    let body = json!({"callId": call, "targets": [{"type": "phone", "value": "+12025550100"}], "direction": "transfer",
        "bridgeMatrix": [{"source": 0, "target": 1}], "dtmf": "RFC2833"});
    for (mode, status, word) in [(BridgeMode::Failed, 200, "success"), (BridgeMode::Pending, 202, "pending")] {
        let mut world = World::quiet();
        world.model.apply(secs(0), Incident::Bridge { mode, lasts: secs(60), delay: Some(secs(5)) }).unwrap();
        let url = format!("/api/v2/cti/calls/{call}/bridge");
        let answer = world.send_with("POST", &url, &body, &[("x-cxone-request-id", "one")]);
        assert_eq!(answer.status, status);
        assert!(text(&answer).contains(word));
        assert_eq!(world.model.bridges_made(), 0);
        world.model.advance(secs(6));
        assert_eq!(world.model.bridges_made(), u64::from(mode == BridgeMode::Pending));
    }
}

#[test]
fn a_share_of_the_requests_meets_it_and_a_reset_ends_it() {
    let mut world = World::quiet();
    world.model.apply(secs(0), Incident::Odd(Odd { share: 0.3, ..Odd::always(Oddity::ListFails) })).unwrap();
    let failed = (0..200).filter(|_| world.get("/api/v2/channels").status == 500).count();
    assert!((30..90).contains(&failed), "{failed} of 200");
    world.model.reset(secs(1));
    world.login("channel:read");
    assert!((0..50).all(|_| world.get("/api/v2/channels").status == 200));
    let bearer = format!("Bearer {}", world.token);
    let headers = [("accept", "application/json"), ("authorization", bearer.as_str())];
    assert!(matches!(world.reply("GET", "/api/v2/channels", &headers, b""), Answer::Response(_)));
}
