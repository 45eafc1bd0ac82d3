//! What was read comes back byte for byte, but for what was changed.

use super::*;
use proptest::prelude::*;
use serde_json::json;

fn raw(text: &str) -> Raw<'_> {
    Raw::document(text).unwrap()
}

fn kept(text: &str) -> AsRead {
    AsRead::of(Some(raw(text)), "authentication", false)
}

fn order(names: &[(&str, u32)]) -> Vec<Codec> {
    names.iter().map(|(name, priority)| Codec { name: (*name).into(), priority: *priority }).collect()
}

#[test]
fn a_changed_value_stands_where_the_old_one_stood() {
    for (read, sent) in [
        (
            r#"{ "z":12345678901234567890123 , "p" : "a","a":1.0}"#,
            r#"{ "z":12345678901234567890123 , "p" : "b","a":1.0}"#,
        ),
        (r#"{"p":"a","x":1,"p":{"a":[]}}"#, r#"{"p":"b","x":1,"p":"b"}"#),
        (r#"{"\u0070":null}"#, r#"{"\u0070":"b"}"#),
        (r#"{"x":"\ud800"}"#, r#"{"x":"\ud800","p":"b"}"#),
        ("{}", r#"{"p":"b"}"#),
        ("{ \n}", "{\"p\":\"b\" \n}"),
        ("{\"x\": 1 \n}", "{\"x\": 1,\"p\":\"b\" \n}"),
    ] {
        assert_eq!(kept(read).with("routing", &[("p", quoted("b"))]).unwrap(), sent);
    }
    assert_eq!(AsRead::Absent.with("routing", &[("p", quoted("b"))]).unwrap(), r#"{"p":"b"}"#);
}

#[test]
fn authentication_is_never_kept_wherever_it_stands() {
    for (read, left) in [
        (r#"{"authentication":{"password":"canary"}}"#, "{}"),
        (r#"{ "authentication" : {"password":"canary"} , "a" : 1 }"#, r#"{ "a" : 1 }"#),
        (r#"{"a":1, "authentication":{"password":"canary"}}"#, r#"{"a":1}"#),
        (
            r#"{"a":1,"authentication":"canary" ,"b":2, "authentic\u0061tion":["canary"],"c":3}"#,
            r#"{"a":1 ,"b":2,"c":3}"#,
        ),
        (r#"{"a":1}"#, r#"{"a":1}"#),
        ("{ }", "{ }"),
    ] {
        assert_eq!(kept(read), AsRead::Kept(left.into()), "{read}");
    }
}

#[test]
fn what_cannot_be_sent_back_as_it_was_is_not_sent() {
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(KEPT));
    for (part, why) in [
        (kept("[]"), "it is not an object"),
        (kept("7"), "it is not an object"),
        (kept(&long), "it is longer than 64 KiB"),
        (AsRead::of(Some(raw("{\"a\":\"\u{fffd}\"}")), "", true), "it is not UTF-8"),
    ] {
        let expected = format!("`routing` as read cannot be sent back: {why}");
        assert_eq!(part.with("routing", &[]).unwrap_err(), expected);
    }
    assert_eq!(kept("null"), AsRead::Absent);
    for read in ["{\"a\": NaN}", "{\"a\": 01}", "{\"a\": \"\n\"}", "{\"a\": 1,}"] {
        let text = kept(read).with("routing", &[("p", quoted("b"))]).unwrap();
        let error = Body::of(&[("routing", &text)]).unwrap_err();
        assert!(error.starts_with("`routing` as read is not JSON to the letter"), "{error}");
    }
    assert_eq!(Body::of(&[("a", "1"), ("b\"", "[2]")]).unwrap().as_str(), r#"{"a":1,"b\"":[2]}"#);
    assert_eq!(Body::of(&[]).unwrap().as_str(), "{}");
}

#[test]
fn codecs_change_places_and_keep_what_stands_with_them() {
    let pcmu_opus = order(&[("OPUS", 1), ("PCMU", 2)]);
    for (read, wanted, sent) in [
        (
            r#"[{"name":"PCMU","priority":1,"ptime":20},{"priority":2,"name":"OPUS"}]"#,
            &pcmu_opus,
            r#"[{"priority":1,"name":"OPUS"},{"name":"PCMU","priority":2,"ptime":20}]"#,
        ),
        // What has no priority stays where it is.
        (
            r#"[{"name":"G722"}, {"name":"PCMU","priority":1.0},{"name":"iLBC","priority":null},{"name":"OPUS","priority":"2"},7]"#,
            &pcmu_opus,
            r#"[{"name":"G722"},{"name":"OPUS","priority":"1"},{"name":"iLBC","priority":null},{"name":"PCMU","priority":2},7]"#,
        ),
        // What changes nothing is written as it was.
        (
            r#"[{"name":"OPUS","priority":1.0},{"name":"PCMU","priority":2e0}]"#,
            &pcmu_opus,
            r#"[{"name":"OPUS","priority":1.0},{"name":"PCMU","priority":2e0}]"#,
        ),
        // One that stands twice.
        (
            r#"[{"name":"PCMU","priority":3,"ptime":30},{"name":"OPUS","priority":2},{"name":"PCMU","priority":1,"ptime":20}]"#,
            &order(&[("OPUS", 1), ("PCMU", 2), ("PCMU", 3)]),
            r#"[{"name":"OPUS","priority":1},{"name":"PCMU","priority":2,"ptime":20},{"name":"PCMU","priority":3,"ptime":30}]"#,
        ),
    ] {
        assert_eq!(codecs(raw(read), wanted).unwrap(), sent);
    }
    let gone = codecs(raw(r#"[{"name":"PCMU","priority":1}]"#), &pcmu_opus).unwrap_err();
    assert_eq!(gone, "the platform no longer shows the codec OPUS");
}

proptest! {
    #[test]
    fn everything_that_was_read_is_sent(
        fields in prop::collection::vec(("[a-d]{1,2}", "(1\\.0|12345678901234567890123|\"x\\\\ud800\"|\\[ 1 , 2 \\]|null)"), 0..6),
        gap in "[ \n]{0,2}",
    ) {
        let members: Vec<String> = fields.iter().map(|(name, value)| format!("{gap}\"{name}\"{gap}:{gap}{value}{gap}")).collect();
        let text = format!("{{{}{gap}}}", members.join(","));
        let part = kept(&text);
        prop_assert_eq!(part.raw().map(Raw::as_str), Some(text.as_str()));
        let sent = part.with("routing", &[("b", "7".to_owned())]).unwrap();
        let sent = raw(&sent);
        let read: Vec<_> = raw(&text).members().map(|m| (m.name.into_owned(), m.value)).collect();
        let now: Vec<_> = sent.members().map(|m| (m.name.into_owned(), m.value)).collect();
        prop_assert!(Body::of(&[("routing", sent.as_str())]).is_ok());
        for (n, (name, value)) in read.iter().enumerate() {
            let expected = if name == "b" { "7" } else { value.as_str() };
            prop_assert_eq!((&now[n].0, now[n].1.as_str()), (name, expected));
        }
        prop_assert_eq!(now.len(), read.len() + usize::from(!read.iter().any(|(name, _)| name == "b")));
    }

    #[test]
    fn no_codec_is_ever_lost(priorities in prop::collection::vec(prop::option::of(1_u32..20), 0..8)) {
        let items: Vec<Value> = priorities.iter().enumerate().map(|(n, priority)| match priority {
            Some(priority) => json!({ "name": format!("C{n}"), "priority": priority, "n": n }),
            None => json!({ "name": format!("C{n}"), "n": n }),
        }).collect();
        let text = Value::from(items).to_string();
        let read = raw(&text);
        let mut wanted: Vec<Codec> = read.items().filter_map(codec).collect();
        wanted.reverse();
        for (priority, codec) in (1..).zip(&mut wanted) {
            codec.priority = priority;
        }
        let sent = codecs(read, &wanted).unwrap();
        let sent: Vec<Raw<'_>> = raw(&sent).items().collect();
        prop_assert_eq!(sent.len(), priorities.len());
        for (place, item) in read.items().enumerate().filter(|(_, item)| codec(*item).is_none()) {
            prop_assert_eq!(sent[place].as_str(), item.as_str());
        }
        let mut now: Vec<Codec> = sent.iter().filter_map(|item| codec(*item)).collect();
        now.sort_by_key(|codec| codec.priority);
        prop_assert_eq!(now, wanted);
    }
}
