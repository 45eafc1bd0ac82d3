//! What is read of a channel, what cannot be, and what that costs.

use super::*;

fn read(text: &str) -> (ChannelDoc, Unread) {
    let mut unread = Unread::default();
    let doc = ChannelDoc::read(Raw::document(text).unwrap(), None, false, &mut unread).unwrap();
    (doc, unread)
}

fn view(text: &str) -> ChannelView {
    read(text).0.view()
}

fn row(text: &str) -> ChannelView {
    ChannelDoc::read_row(Raw::document(text).unwrap(), false, &mut Unread::default()).unwrap().view()
}

fn told(unread: &Unread) -> Vec<(&'static str, u32, &str)> {
    unread.lapses().map(|lapse| (lapse.what.name(), lapse.count, lapse.place.as_str())).collect()
}

fn names(codecs: Option<Vec<Codec>>) -> Vec<(String, u32)> {
    codecs.unwrap().into_iter().map(|codec| (codec.name, codec.priority)).collect()
}

#[test]
fn a_blank_id_is_none_and_so_is_one_that_would_have_to_be_altered() {
    for own in [r#""""#, r#""  ""#, "null", "7", "[]", r#""a\nb""#, r#""a\ud800""#, r#""\u202ea""#] {
        let text = format!("{{\"id\": {own}}}");
        assert!(ChannelDoc::from_value(Raw::document(&text).unwrap().value(), None).is_none(), "{own}");
    }
    let long = |n: usize| format!("{{\"id\": \"{}\"}}", "\u{e9}".repeat(n));
    assert!(ChannelDoc::read(Raw::document(&long(256)).unwrap(), None, false, &mut Unread::default()).is_some());
    assert!(ChannelDoc::read(Raw::document(&long(257)).unwrap(), None, false, &mut Unread::default()).is_none());
}

#[test]
fn an_empty_route_is_home_and_one_that_cannot_be_read_is_not_told() {
    for (routing, primary, unrouted) in [
        (r#"{"primary_channel_id": "b"}"#, Some("b"), false),
        (r#"{"primary_channel_id": ""}"#, None, false),
        (r#"{"primary_channel_id": " \t"}"#, None, false),
        (r#"{"primary_channel_id": null}"#, None, false),
        ("{}", None, false),
        ("null", None, false),
        (r#"{"primary_channel_id": 7}"#, None, true),
        (r#"{"primary_channel_id": "a\u001b[2J"}"#, None, true),
        ("[]", None, true),
        ("\"b\"", None, true),
    ] {
        let view = view(&format!("{{\"id\": \"a\", \"routing\": {routing}}}"));
        let expected = (primary.map(ChannelId::from), unrouted);
        assert_eq!((view.primary, view.unrouted), expected, "{routing}");
    }
    let (doc, unread) =
        read(&format!(r#"{{"id": "a", "routing": {{"primary_channel_id": "{}"}}}}"#, "x".repeat(600_000)));
    assert!(doc.view().unrouted);
    assert_eq!(told(&unread), [("route", 1, "channel a: routing.primary_channel_id")]);
}

#[test]
fn what_a_row_leaves_out_is_not_told() {
    let bare = row(r#"{"id": "a", "status": "healthy"}"#);
    assert_eq!((bare.unrouted, bare.failover, bare.codecs), (true, None, None));
    let part = row(r#"{"id": "a", "routing": {"failover_channels": []}, "configuration": {"codecs": []}}"#);
    assert_eq!((part.unrouted, part.failover, part.codecs), (false, Some(vec![]), Some(vec![])));
    assert!(!view(r#"{"id": "a"}"#).unrouted, "the channel itself has none");
}

#[test]
fn each_item_that_cannot_be_read_costs_itself_alone() {
    let (doc, unread) = read(
        r#"{"id": "a", "status": 7, "name": ["x"],
            "configuration": {"codecs": [{"name": "PCMU", "priority": 1.0}, {"name": "G722"}, {"name": "G729", "priority": null},
                {"name": "OPUS", "priority": "2"}, {"name": "X", "priority": 1.5}, {"priority": 3}, "PCMA", {"name" 1}],
                "dtmf_mode": {}, "rtp_payload_type": 101, "sip_server": "sip.example"},
            "routing": {"failover_channels": ["b", "", null, 7, "c\u0000"]}}"#,
    );
    let view = doc.view();
    assert_eq!(view.status.as_deref(), Some("7"));
    assert_eq!(names(view.codecs), [("PCMU".into(), 1), ("OPUS".into(), 2)]);
    assert_eq!(view.failover, Some(vec![ChannelId::from("b")]));
    assert_eq!((view.dtmf_mode, view.rtp_payload_type.as_deref()), (None, Some("101")));
    assert_eq!((doc.name(), view.sip_server.as_deref()), (None, Some("sip.example")));
    assert_eq!(
        told(&unread),
        [
            ("field", 2, "channel a: name"),
            ("codec", 6, "channel a: configuration.codecs[1]"),
            ("backup", 4, "channel a: routing.failover_channels[1]"),
        ]
    );
}

#[test]
fn what_is_written_oddly_and_plain_costs_nothing() {
    let (doc, unread) = read(
        r#"{"id": "a", "name": "", "status": " healthy\n", "configuration": null, "routing": {"failover_channels": null}, "x": NaN}"#,
    );
    assert_eq!((doc.view().status.as_deref(), doc.name()), (Some("healthy"), None));
    assert_eq!(doc.view().failover, None);
    assert_eq!(told(&unread), []);
}

#[test]
fn texts_are_bounded_and_clean() {
    let (doc, unread) = read(&format!(
        r#"{{"id": "a", "status": "down\u001b[2J{}", "name": "{}"}}"#,
        "x".repeat(540_000),
        "n".repeat(300)
    ));
    let status = doc.view().status.unwrap();
    assert!(status.starts_with("down\u{fffd}[2Jxxx") && status.chars().count() == 64, "{status}");
    assert_eq!(doc.name().unwrap().len(), 256);
    assert_eq!(unread.count(Malformed::Text), 2);
}

#[test]
fn backups_and_codecs_have_a_bound() {
    let ids: Vec<String> = (0..40).map(|n| format!("\"c{n}\"")).collect();
    let codecs: Vec<String> = (1..=70).map(|n| format!("{{\"name\":\"C{n}\",\"priority\":{n}}}")).collect();
    let (doc, unread) = read(&format!(
        r#"{{"id": "a", "routing": {{"failover_channels": [{}]}}, "configuration": {{"codecs": [{}]}}}}"#,
        ids.join(","),
        codecs.join(",")
    ));
    let view = doc.view();
    assert_eq!((view.failover.unwrap().len(), view.codecs.unwrap().len()), (32, 64));
    assert_eq!((unread.count(Malformed::Backup), unread.count(Malformed::Codec)), (8, 6));
}

#[test]
fn credentials_are_told_apart_and_never_kept() {
    let with = |authentication: &str| {
        read(&format!(r#"{{"id": "a", "configuration": {{"authentication": {authentication}, "sip_port": 5060}}}}"#)).0
    };
    let whole = with(r#"{"username": "u", "password": "canary"}"#);
    assert_eq!(whole.as_read("configuration").raw().unwrap().as_str(), r#"{"sip_port": 5060}"#);
    let seen = |doc: &ChannelDoc| doc.view().authentication;
    assert!(seen(&whole).is_some_and(|seen| seen.user.is_some() && seen.password));
    assert_eq!(seen(&whole), seen(&with(r#"{"username": "u", "password": "other"}"#)));
    for gone in [r#"{"username": "u"}"#, r#"{"username": "x", "password": "canary"}"#] {
        assert_ne!(seen(&whole), seen(&with(gone)), "{gone}");
    }
    for empty in ["{}", r#"{"username": "", "password": null}"#, r#"{"username": 1}"#] {
        assert_eq!(seen(&with(empty)), Some(AuthenticationSeen::default()), "{empty}");
    }
    assert_eq!((seen(&with("null")), seen(&with("\"canary\""))), (None, None));
    let shown = format!("{whole:?} {:?} {:?}", whole.view(), whole.as_read("configuration"));
    assert!(!shown.contains("canary"), "{shown}");
}

#[test]
fn a_field_is_built_from_what_was_kept() {
    let (doc, _) = read(
        r#"{"id": "a", "type": "sip", "configuration": {"sip_port": 5060.0, "x": null}, "health_check": {"n": 1}}"#,
    );
    assert_eq!(doc.field("configuration", "sip_port"), Some(serde_json::json!(5060.0)));
    assert_eq!(doc.field("health_check", "n"), Some(serde_json::json!(1)));
    assert_eq!((doc.field("configuration", "x"), doc.field("routing", "x"), doc.field("x", "y")), (None, None, None));
    assert_eq!(doc.kind(), Some("sip"));
}
