//! Scenarios: read, refused with a reason, and played.

use crate::world::{World, secs, unlimited};
use trunkwarden::sim::{Answer, FaultKind, Incident, IncidentError, Model, Scenario};

#[test]
fn the_examples_are_read() {
    for name in ["failover", "faults", "odd"] {
        let text = std::fs::read_to_string(format!("config/scenarios/{name}.toml")).unwrap();
        let scenario = Scenario::parse(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(!scenario.events.is_empty());
        let mut model = Model::new(scenario);
        model.advance(secs(3600));
        assert!(!model.take_news().iter().any(|n| n.text.contains("could not be")), "{name}");
    }
}

#[test]
fn what_cannot_be_played_is_refused_with_its_line_and_what_to_do() {
    for (text, parts) in [
        ("[sim]\nsed = 3", &["[sim] unknown field `sed`", "`seed`"][..]),
        ("[sim]\nchannels = 0", &["sim.channels is 0", "1 to 200000"]),
        ("[sim]\npage_size = 0", &["sim.page_size"]),
        ("[sim]\nchannels = 2\n[[channels]]\nid = \"a\"", &["keep one of them"]),
        ("[simulator]", &["unknown field `simulator`"]),
        ("\n[[at]]\nafter = \"5s\"", &["line 2: ", "has no action"]),
        ("[[at]]\nafter = \"5x\"\nrevoke_tokens = {}", &["line 2", "5x"]),
        ("[[at]]\nrevoke_tokens = {}", &["missing field `after`"]),
        ("[[at]]\nafter = \"5s\"\nexplode = {}", &["line 1: ", "`explode`", "`fault`"]),
        ("[[at]]\nafter = \"5s\"\nfault = { kind = \"777\", for = \"1s\" }", &["`777`", "`503`"]),
        ("[[at]]\nafter = \"5s\"\nfault = { kind = \"503\" }", &["missing field `for`"]),
        ("[[at]]\nafter = \"5s\"\nstatus = { channel = \"ch-0009\", is = \"x\" }", &["no channel \"ch-0009\""]),
        ("[[at]]\nafter = \"5s\"\nstatus = { channel = \"ch-0001\", to = \"x\" }", &["unknown field `to`"]),
        ("[[at]]\nafter = \"5s\"\nrevoke_tokens = {}\nlist = { absent = true }", &["2 actions (list, revoke_tokens)"]),
        ("[[at]]\nafter = \"5s\"\nlist = {}", &["list changes nothing"]),
        ("[[at]]\nafter = \"5s\"\ntelemetry = { channel = \"*\", loss_pct = 200.0 }", &["loss_pct is 200", "0 to 100"]),
        ("[[channels]]\nid = \"a\"\n[[channels]]\nid = \"a\"", &["line 3: ", "twice"]),
        ("[[channels]]\nid = \"a\"\nfailover = [\"b\"]", &["line 1: ", "\"b\"", "no channel"]),
    ] {
        let error = Scenario::parse(text).unwrap_err().to_string();
        for part in parts {
            assert!(error.contains(part), "{text:?} gave {error:?}, without {part:?}");
        }
    }
}

#[test]
fn incidents_happen_when_they_are_due_and_in_order() {
    let scenario = Scenario::parse(
        r#"
        [sim]
        requests_per_minute = 0
        [[at]]
        after = "30s"
        status = { channel = "ch-0001", is = "healthy" }
        [[at]]
        after = "20s"
        status = { channel = "ch-0001", is = "unhealthy" }
        [[at]]
        after = "40s"
        remove = { channel = "ch-0002" }
        "#,
    )
    .unwrap();
    let mut world = World::new(scenario);
    let mut seen = Vec::new();
    for second in [0, 19, 20, 29, 30] {
        world.now = secs(second);
        seen.push(world.channel("ch-0001")["status"].as_str().unwrap().to_owned());
    }
    assert_eq!(seen, ["healthy", "healthy", "unhealthy", "unhealthy", "healthy"]);
    assert_eq!(world.model.next_event(), Some(secs(40)));
    world.now = secs(40);
    assert_eq!(world.get("/api/v2/channels/ch-0002").status, 404);
    let told: Vec<String> = world.model.take_news().into_iter().map(|n| n.text).collect();
    assert_eq!(told, ["ch-0001 is unhealthy", "ch-0001 is healthy", "ch-0002 is deleted"]);
}

#[test]
fn faults_hold_where_and_as_long_as_ordered() {
    let mut world = World::new(unlimited(Scenario::quiet(1, 3)));
    let fault = |kind, paths: &[&str]| Incident::Fault {
        kind,
        lasts: secs(10),
        paths: paths.iter().map(|p| (*p).to_owned()).collect(),
    };
    for (kind, status) in [
        (FaultKind::Internal, 500),
        (FaultKind::Unavailable, 503),
        (FaultKind::TooMany, 429),
        (FaultKind::Unauthorised, 401),
        (FaultKind::Forbidden, 403),
    ] {
        world.model.apply(world.now, fault(kind, &["/api/v2/channels"])).unwrap();
        assert_eq!(world.get("/api/v2/channels/ch-0001").status.as_u16(), status);
        assert_eq!(world.get("/api/v2/nowhere").status, 404, "another path is spared");
        world.now += secs(10);
        assert_eq!(world.get("/api/v2/channels/ch-0001").status, 200);
    }
    world.model.apply(world.now, fault(FaultKind::Unauthorised, &[])).unwrap();
    world.login("channel:read");
    assert_eq!(world.get("/api/v2/channels").status, 401, "a token is given, and not taken");
    world.now += secs(10);
    for (kind, least) in [(FaultKind::Garbage, 1), (FaultKind::Empty, 0), (FaultKind::Huge, 32 << 20)] {
        world.model.apply(world.now, fault(kind, &[])).unwrap();
        let response = world.get("/api/v2/channels");
        assert_eq!(response.status, 200);
        assert!(response.body.len() >= least && serde_json::from_slice::<serde_json::Value>(&response.body).is_err());
        world.now += secs(10);
    }
    for (kind, closes) in [(FaultKind::Close, true), (FaultKind::Hang, false)] {
        world.model.apply(world.now, fault(kind, &[])).unwrap();
        let answer = world.reply("GET", "/api/v2/channels", &[], b"");
        assert_eq!(matches!(answer, Answer::Close), closes);
        assert!(matches!(answer, Answer::Close | Answer::Hang));
    }
    assert_eq!(world.model.unanswered(), 2);
}

#[test]
fn an_incident_for_nobody_changes_nothing() {
    let mut model = Model::new(Scenario::quiet(1, 2));
    let route = Incident::Route { channel: "ch-0001".to_owned(), to: "nobody".to_owned() };
    assert_eq!(model.apply(secs(1), route), Err(IncidentError::NoSuchChannel("nobody".to_owned())));
    assert_eq!(model.channel("ch-0001").unwrap().version(), 1);
    assert!(model.take_news().is_empty());
}
