//! Telemetry item by item: what each oddity costs.

use super::*;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};

const FROM: i64 = 1_795_248_000_000;
const TO: i64 = 1_795_251_600_000;

fn query() -> TelemetryQuery {
    TelemetryQuery {
        channels: vec!["a".into(), "b".into()],
        bucket: Duration::from_mins(1),
        from: WallMs(FROM),
        to: WallMs(TO),
    }
}

fn answer(body: &str) -> (TelemetryAnswer, Unread) {
    let body = Bytes::from(body.to_owned());
    let response = Response { status: StatusCode::OK, headers: HeaderMap::new(), body };
    let mut unread = Unread::default();
    let answer = telemetry(&response, &query(), &mut unread).unwrap();
    (answer, unread)
}

fn at(timestamp: &str) -> Result<Option<i64>, Malformed> {
    let (answer, unread) = answer(&format!(r#"{{"metrics": [{{"channelId": "a", "timestamp": {timestamp}}}]}}"#));
    match answer.items.as_slice() {
        [(_, sample)] => Ok(sample.at.map(|at| at.0)),
        _ => Err(unread.lapses().next().unwrap().what),
    }
}

#[test]
fn one_channels_nonsense_costs_no_other_channel_its_items() {
    let (answer, unread) = answer(
        "\u{feff}{\"metrics\": [{\"channelId\": \"a\", \"latency_ms\": NaN}, {\"channelId\": \"a\", \"jitter_ms\": -Infinity},
            {\"channelId\": \"b\", \"latency_ms\": \"41.5\", \"jitter_ms\": \"\", \"packet_loss_pct\": null},
            {\"channelId\": \"b\", \"latency_ms\": \"much\"}, {\"channelId\": \"b\\ud800\"}, {\"channelId\": \"x\", \"latency_ms\": 1},
            {\"channelId\" 1}, 7, {\"channelId\": \" \", \"latency_ms\": 2}]}",
    );
    let read: Vec<_> = answer.items.iter().map(|(id, s)| (id.as_ref().map(ChannelId::as_str), s.latency_ms)).collect();
    assert_eq!(read, [(Some("b"), Some(41.5)), (None, Some(2.0))]);
    assert_eq!((answer.items[0].1.jitter_ms, answer.items[0].1.packet_loss_pct), (None, None));
    assert_eq!((answer.malformed, unread.count(Malformed::Telemetry)), (6, 6));
}

#[test]
fn a_time_is_understood_where_it_is_certain() {
    let noon = 1_795_251_300_000;
    for written in [
        "\"2026-11-21T08:55:00Z\"",
        "\"2026-11-21T09:55:00+01:00\"",
        "\"2026-11-21 08:55:00.000Z\"",
        "\"2026-11-21T08:55:00\"",
        "\"2026-11-21 08:55:00\"",
        "\"Sat, 21 Nov 2026 08:55:00 GMT\"",
        "1795251300",
        "1795251300.0",
        "\"1795251300\"",
        "1795251300000",
        "\"1795251300000\"",
        "1795251300000000",
        "1795251300000000000",
    ] {
        assert_eq!(at(written), Ok(Some(noon)), "{written}");
    }
    for nothing in ["null", "\"\"", "\" \""] {
        assert_eq!(at(nothing), Ok(None));
    }
    for uncertain in [
        "\"yesterday\"",
        "\"2026-11-21T10:55:00\"",
        "\"2026-11-21T06:55:00\"",
        "\"2026-11-21\"",
        "12",
        "-1795251300",
        "true",
        "{}",
        // Yet to come.
        "\"2026-11-21T09:02:01Z\"",
        "\"2027-11-21T08:55:00Z\"",
        "1795255200",
    ] {
        assert_eq!(at(uncertain), Err(Malformed::Time), "{uncertain}");
    }
    assert_eq!(at("\"2026-11-21T09:00:00Z\""), Ok(Some(TO)), "a bucket that begins only now");
}

#[test]
fn items_have_a_bound_for_each_channel() {
    let one = |id: &str| format!(r#"{{"channelId": "{id}", "latency_ms": 1}}"#);
    let items: Vec<String> = std::iter::repeat_n(one("a"), 2100).chain([one("b")]).collect();
    let (answer, unread) = answer(&format!(r#"{{"metrics": [{}]}}"#, items.join(",")));
    assert_eq!((answer.items.len(), unread.count(Malformed::Telemetry)), (2001, 100));
    assert_eq!(answer.items[2000].0, Some("b".into()));
}

#[test]
fn no_items_are_no_data_and_anything_else_is_no_answer() {
    for empty in [r#"{"metrics": []}"#, r#"{"metrics": null}"#] {
        assert_eq!(answer(empty).0, TelemetryAnswer::default());
    }
    for other in ["{}", "[]", r#"{"metrics": {}}"#, r#"{"metrics": [1 2]}"#, "<html>"] {
        let response =
            Response { status: StatusCode::OK, headers: HeaderMap::new(), body: Bytes::from(other.to_owned()) };
        assert!(telemetry(&response, &query(), &mut Unread::default()).is_err(), "{other}");
    }
}
