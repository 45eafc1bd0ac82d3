//! What the platform refuses, by which status.

use crate::world::{World, json, secs, unlimited};
use serde_json::{Value, json};
use trunkwarden::sim::{Incident, RetryAfter, Scenario};

const ACCEPT: (&str, &str) = ("accept", "application/json");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// Its name, the headers, the form, and the status and error of the answer.
type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str, u16, &'a str);

#[test]
fn the_token_endpoint_is_strict() {
    let good = "grant_type=client_credentials&client_id=cid&client_secret=secret&scope=channel%3Aread+channel:write";
    let cases: &[Case<'_>] = &[
        ("as it should be", &[ACCEPT, FORM], good, 200, ""),
        ("no accept", &[FORM], good, 400, "bad_request"),
        ("as json", &[ACCEPT, ("content-type", "application/json")], good, 400, "bad_request"),
        ("another grant", &[ACCEPT, FORM], &good.replace("client_cred", "other"), 400, "unsupported_grant_type"),
        ("wrong secret", &[ACCEPT, FORM], &good.replace("=secret", "=guess"), 401, "invalid_client"),
        ("no secret", &[ACCEPT, FORM], &good.replace("client_secret=secret&", ""), 400, "invalid_request"),
        ("a scope that is none", &[ACCEPT, FORM], &good.replace("write", "own"), 400, "invalid_scope"),
        ("no scope", &[ACCEPT, FORM], &good.replace("&scope=channel%3Aread+channel:write", ""), 400, "invalid_request"),
        ("one field too many", &[ACCEPT, FORM], &format!("{good}&audience=x"), 400, "invalid_request"),
        ("a field twice", &[ACCEPT, FORM], &format!("{good}&client_id=cid"), 400, "bad_request"),
    ];
    for (name, headers, body, status, error) in cases {
        for path in ["/api/v2/oauth/token", "/oauth/token"] {
            let response = World::quiet().raw("POST", path, headers, body.as_bytes());
            assert_eq!(response.status.as_u16(), *status, "{name}");
            assert_eq!(json(&response)["error"].as_str().unwrap_or(""), *error, "{name}");
            assert!(response.headers.contains_key("date"), "{name}");
        }
    }
}

#[test]
fn a_request_needs_a_live_token_with_the_scope_and_an_accept() {
    let mut world = World::quiet();
    let bearer = format!("Bearer {}", world.token);
    let url = "/api/v2/channels/ch-0001";
    assert_eq!(world.raw("GET", url, &[ACCEPT], b"").status, 401);
    assert_eq!(world.raw("GET", url, &[ACCEPT, ("authorization", "Bearer nonsense")], b"").status, 401);
    assert_eq!(world.raw("GET", url, &[("authorization", &bearer)], b"").status, 400);
    assert_eq!(world.raw("GET", url, &[ACCEPT, ("authorization", &bearer)], b"").status, 200);
    world.now = secs(1799);
    assert_eq!(world.get(url).status, 200);
    world.now = secs(1800);
    let late = world.get(url);
    assert_eq!((late.status.as_u16(), json(&late)["error"].as_str()), (401, Some("invalid_token")));

    world.login("channel:read");
    let refused = world.patch("ch-0001", &json!({"status": "active"}));
    assert_eq!(refused.status, 403);
    assert!(json(&refused)["message"].as_str().unwrap().contains("channel:write"));

    world.login("channel:read");
    world.model.apply(world.now, Incident::RevokeTokens {}).unwrap();
    assert_eq!(world.get(url).status, 401);
}

#[test]
fn unknown_paths_methods_channels_and_parameters_are_refused() {
    let mut world = World::quiet();
    for (method, url, status) in [
        ("GET", "/api/v2/channel", 404),
        ("GET", "/api/v2/channels/", 404),
        ("GET", "/api/v2/channels/nobody", 404),
        ("GET", "/api/v2/channels/ch-0001/x", 404),
        ("DELETE", "/api/v2/channels/ch-0001", 405),
        ("PUT", "/api/v2/channels", 405),
        ("GET", "/api/v2/oauth/token", 405),
        ("GET", "/api/v2/channels?limit=5", 400),
        ("GET", "/api/v2/channels?page=forged", 400),
        ("GET", "/api/v2/channels/ch%2D0001", 200),
    ] {
        assert_eq!(world.send(method, url, &json!({})).status.as_u16(), status, "{method} {url}");
    }
}

fn new_channel() -> Value {
    json!({"name": "prod-voice", "type": "sip",
        "configuration": {"sip_server": "sip.carrier.example", "sip_port": 5060,
            "authentication": {"username": "u", "password": "p"},
            "codecs": [{"name": "OPUS", "priority": 1}, {"name": "PCMU", "priority": 2}]},
        "routing": {"failover_channels": ["ch-0002"]},
        "health_check": {"interval_seconds": 60, "timeout_seconds": 15}})
}

#[test]
fn creating_keeps_the_bounds() {
    let mut world = World::quiet();
    let created = world.send("POST", "/api/v2/channels", &new_channel());
    assert_eq!(created.status, 201);
    let id = json(&created)["id"].as_str().unwrap().to_owned();
    assert_eq!(world.channel(&id)["routing"]["primary_channel_id"], id.as_str());

    let cases: &[(&str, Value)] = &[
        ("/name", json!("ab")),
        ("/name", json!("x".repeat(65))),
        ("/type", json!("h323")),
        ("/configuration/sip_server", json!("..")),
        ("/configuration/sip_server", json!("-")),
        ("/configuration/sip_port", json!(5081)),
        ("/configuration/sip_port", json!("5060")),
        ("/configuration/authentication", json!({"username": "u"})),
        ("/configuration/codecs", json!([])),
        ("/configuration/codecs/0/name", json!("GSM")),
        ("/configuration/codecs/0/priority", json!(11)),
        ("/configuration/codecs/0/priority", json!(0)),
        ("/configuration/codecs/1/name", json!("OPUS")),
        ("/routing/failover_channels", json!(["nobody"])),
        ("/health_check/interval_seconds", json!(29)),
        ("/health_check/timeout_seconds", json!(31)),
        ("/health_check", json!({"interval_seconds": 30, "timeout_seconds": 30})),
        ("/health_check", json!({"interval_seconds": 60})),
    ];
    for (pointer, value) in cases {
        let mut body = new_channel();
        *body.pointer_mut(pointer).unwrap() = value.clone();
        assert_eq!(world.send("POST", "/api/v2/channels", &body).status, 400, "{pointer} = {value}");
    }
    for field in ["name", "type", "configuration", "routing", "health_check"] {
        let mut body = new_channel();
        body.as_object_mut().unwrap().remove(field);
        let refused = world.send("POST", "/api/v2/channels", &body);
        assert_eq!(refused.status, 400, "without {field}");
        assert!(json(&refused)["message"].as_str().unwrap().contains(field));
    }
}

#[test]
fn bridging_keeps_the_schema_and_the_request_id() {
    let mut world = World::quiet();
    let call = "12345678-1234-1234-1234-123456789012";
    let url = format!("/api/v2/cti/calls/{call}/bridge");
    let good = json!({"callId": call, "targets": [{"type": "phone", "value": "+12025550100"}], "direction": "transfer",
        "bridgeMatrix": [{"source": 0, "target": 1}], "dtmf": "RFC2833"});
    let id = [("x-cxone-request-id", "op-1")];
    let first = world.send_with("POST", &url, &good, &id);
    assert_eq!(first.status, 200);
    assert_eq!(json(&world.send_with("POST", &url, &good, &id)), json(&first), "a repetition makes no second bridge");
    assert_eq!(world.model.bridges_made(), 1);
    assert_eq!(world.send("POST", &url, &good).status, 400, "without a request id");
    let cases: &[(&str, Value)] = &[
        ("/callId", json!("87654321-1234-1234-1234-123456789012")),
        ("/targets", json!([])),
        ("/targets/0/value", json!("+1202555010\n")),
        ("/targets/0/value", json!("12")),
        ("/direction", json!("sideways")),
        ("/dtmf", json!("rfc2833")),
        ("/bridgeMatrix/0/source", json!(-1)),
        ("/bridgeMatrix/0/target", json!(2)),
        ("/bridgeMatrix/0/target", json!(0)),
        ("/bridgeMatrix", json!([{"source": 0, "target": 1}, {"source": 0, "target": 1}])),
    ];
    for (pointer, value) in cases {
        let mut body = good.clone();
        *body.pointer_mut(pointer).unwrap() = value.clone();
        assert_eq!(world.send_with("POST", &url, &body, &id).status, 400, "{pointer} = {value}");
    }
}

#[test]
fn the_limit_holds_in_any_minute_and_says_when_to_come_back() {
    let mut scenario = Scenario::quiet(1, 2);
    scenario.options.requests_per_minute = 5;
    let mut world = World::new(scenario.clone());
    for second in 1..5 {
        world.now = secs(second * 10);
        assert_eq!(world.get("/api/v2/channels").status, 200);
    }
    let refused = world.get("/api/v2/channels");
    assert_eq!(refused.status, 429);
    let wait: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    world.now += secs(wait);
    assert_eq!(world.get("/api/v2/channels").status, 200, "after the wait that it asked for");
    assert_eq!(world.get("/api/v2/channels").status, 429);
    assert_eq!(world.model.answers(429), 2);
    assert_eq!(world.model.requests_in_last_minute_max(), 7, "those that were refused are counted here");

    scenario.options.retry_after = RetryAfter::Missing;
    scenario.options.requests_per_minute = 1;
    let mut world = World::new(scenario);
    assert!(!world.get("/api/v2/channels").headers.contains_key("retry-after"));
}

#[test]
fn the_list_comes_in_pages_and_may_lag_or_be_absent() {
    let mut scenario = unlimited(Scenario::quiet(3, 25));
    scenario.options.page_size = 10;
    let mut world = World::new(scenario);
    let (mut seen, mut url, mut pages) = (Vec::new(), "/api/v2/channels".to_owned(), 0);
    loop {
        let page = json(&world.get(&url));
        pages += 1;
        seen.extend(page["channels"].as_array().unwrap().iter().map(|c| c["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        url = format!("/api/v2/channels?page={}", next.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D"));
    }
    assert_eq!((pages, seen.len()), (3, 25));
    seen.dedup();
    assert_eq!(seen.len(), 25, "no channel twice");

    world.model.apply(secs(0), Incident::List { absent: None, lag: Some(secs(20)) }).unwrap();
    world.now = secs(100);
    let sick = Incident::Status { channel: "ch-0001".to_owned(), is: "unhealthy".to_owned() };
    world.model.apply(world.now, sick).unwrap();
    let listed = |world: &mut World| json(&world.get("/api/v2/channels"))["channels"][0]["status"].clone();
    assert_eq!(world.channel("ch-0001")["status"], "unhealthy");
    world.now = secs(119);
    assert_eq!(listed(&mut world), "healthy");
    world.now = secs(120);
    assert_eq!(listed(&mut world), "unhealthy");

    world.model.apply(world.now, Incident::List { absent: Some(true), lag: None }).unwrap();
    assert_eq!(world.get("/api/v2/channels").status, 404);
    assert_eq!(world.get("/api/v2/channels/ch-0001").status, 200);
}
