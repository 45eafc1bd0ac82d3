//! Slices of what was written, read leniently and never altered.

use super::*;
use proptest::prelude::*;
use serde_json::json;

fn doc(text: &str) -> Raw<'_> {
    Raw::document(text).unwrap()
}

#[test]
fn a_document_is_one_value_and_nothing_else() {
    for whole in ["{}", " [1, 2] ", "\"a\"", "7", "null", "{\"a\": [{}, \"}\"]}\n\0", "[1,]", "[NaN]"] {
        assert!(Raw::document(whole).is_ok(), "{whole}");
    }
    for (broken, at) in
        [("", 0), ("{", 1), ("{\"a\": [}", 8), ("[1", 2), ("{}{}", 2), ("\"a", 2), ("]", 1), ("<html>x</html> y", 15)]
    {
        assert_eq!(Raw::document(broken), Err(at), "{broken}");
    }
    let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
    assert!(Raw::document(&deep).is_err());
}

#[test]
fn a_byte_order_mark_costs_nothing_and_what_is_no_utf8_is_replaced() {
    assert_eq!(decode(b"\xef\xbb\xbf{}"), (Cow::Borrowed("{}"), false));
    assert_eq!(decode(b"{\"a\": \"\xff\"}"), (Cow::Owned("{\"a\": \"\u{fffd}\"}".into()), true));
}

#[test]
fn fields_and_items_come_as_they_stand() {
    let of = doc(r#"{"a": 1.0 , "b":{"c" : [ 1,2 ]},"a":12345678901234567890123, "\u0061b": " ",}"#);
    let found: Vec<(String, &str)> = of.members().map(|m| (m.name.into_owned(), m.value.as_str())).collect();
    let expected = [("a", "1.0"), ("b", r#"{"c" : [ 1,2 ]}"#), ("a", "12345678901234567890123"), ("ab", "\" \"")];
    assert_eq!(found, expected.map(|(name, value)| (name.to_owned(), value)));
    assert_eq!(of.get("a").unwrap().as_str(), "12345678901234567890123", "the last one counts");
    let items: Vec<&str> = of.get("b").unwrap().get("c").unwrap().items().map(Raw::as_str).collect();
    assert_eq!(items, ["1", "2"]);
    assert_eq!((of.get("x"), of.items().count(), doc("[1]").members().count()), (None, 0, 0));
    for member in of.members() {
        assert_eq!(&of.as_str()[member.value_at..member.to()], member.value.as_str());
        assert_eq!(&of.as_str()[member.from..=member.from], "\"");
    }
}

#[test]
fn a_broken_row_costs_itself_alone() {
    let rows = doc(r#"[{"id": "a"}, {"id" "b"}, {"id": "c", x}, NaN, {"id": "d", "n": +1}]"#);
    assert!(rows.is_array());
    let sound: Vec<bool> = rows.items().map(Raw::is_object).collect();
    assert_eq!(sound, [true, false, false, false, true]);
    assert!(!doc("[1 2]").is_array());
}

#[test]
fn a_bare_word_is_no_json() {
    for json in ["{}", "{\"a\": NaN}", "[1,]", "\"x\\ud800\"", "null", "true", "-1.5"] {
        assert!(doc(json).is_json(), "{json}");
    }
    for other in ["Forbidden", "<html>x</html>", "[object", "{oops}", "[a b]", "nul"] {
        assert!(!Raw::document(other).is_ok_and(Raw::is_json), "{other}");
    }
}

#[test]
fn texts_are_unescaped_leniently() {
    for (written, text) in [
        (r#""a\"\\\/\n\u00e9""#, "a\"\\/\n\u{e9}"),
        (r#""\ud83d\ude00""#, "\u{1f600}"),
        (r#""x\ud800y""#, "x\u{fffd}y"),
        (r#""\udc00\ud800\u0041""#, "\u{fffd}\u{fffd}A"),
        (r#""\u12""#, "\u{fffd}12"),
        (r#""\q""#, "q"),
        ("\"a\nb\"", "a\nb"),
    ] {
        assert_eq!(doc(written).string().as_deref(), Some(text), "{written}");
    }
    assert_eq!(doc("7").string(), None);
}

#[test]
fn numbers_are_read_however_they_are_written() {
    for (written, number) in [
        ("1", Some(1.0)),
        ("1.0", Some(1.0)),
        ("\"1\"", Some(1.0)),
        ("\" -2.5 \"", Some(-2.5)),
        ("1e2", Some(100.0)),
        ("+3", Some(3.0)),
        (".5", Some(0.5)),
        ("NaN", None),
        ("-Infinity", None),
        ("\"inf\"", None),
        ("1e999", None),
        ("\"\"", None),
        ("\"1,5\"", None),
        ("true", None),
        ("null", None),
        ("[1]", None),
    ] {
        assert_eq!(doc(written).number(), number, "{written}");
    }
    let whole = |written| doc(written).whole();
    assert_eq!([whole("1.0"), whole("\"2\""), whole("3")], [Some(1), Some(2), Some(3)]);
    assert_eq!([whole("1.5"), whole("-1"), whole("1e17"), whole("null")], [None; 4]);
}

#[test]
fn what_cannot_be_read_is_built_as_nothing() {
    let value = doc(r#"{"a": NaN, "b": [1.0, "x\ud800", +2], "c": 18446744073709551615}"#).value();
    assert_eq!(value, json!({ "a": null, "b": [1.0, "x\u{fffd}", 2.0], "c": 18_446_744_073_709_551_615_u64 }));
}

#[test]
fn two_values_are_the_same_whatever_their_form() {
    for (a, b) in [
        ("1", "1.0"),
        ("100", "1e2"),
        ("-0", "0"),
        ("12345678901234567890123", "1.2345678901234567890123E22"),
        (r#"{"a":1,"b":[2]}"#, r#"{ "b": [2.0], "a": 1 }"#),
        (r#""\u0041""#, "\"A\""),
        ("{}", "{ }"),
        ("null", "null"),
    ] {
        assert!(doc(a).same(doc(b)), "{a} {b}");
    }
    for (a, b) in [
        ("1", "\"1\""),
        ("12345678901234567890123", "12345678901234567890124"),
        ("0.1", "0.10000000000000001"),
        ("1", "-1"),
        ("true", "false"),
        (r#"{"a":1}"#, r#"{"a":1,"b":1}"#),
        ("[1]", "[1,1]"),
        ("[1,2]", "[2,1]"),
        ("null", "0"),
        ("{}", "[]"),
    ] {
        assert!(!doc(a).same(doc(b)) && !doc(b).same(doc(a)), "{a} {b}");
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_filter_map("finite", |n| Number::from_f64(n).map(Value::Number)),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            prop::collection::btree_map(".{0,6}", inner, 0..6).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_json_is_read_as_json(value in value(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
        let raw = Raw::document(&text).unwrap();
        let read: Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(raw.value(), read);
        let compact = value.to_string();
        prop_assert!(raw.same(Raw::document(&compact).unwrap()));
        prop_assert_eq!(raw.is_object(), value.is_object());
        prop_assert_eq!(raw.items().count(), value.as_array().map_or(0, Vec::len));
    }

    #[test]
    fn whatever_comes_nothing_breaks(text in "[\\[\\]{}\",:\\\\u0a1.eN \\-]{0,60}") {
        if let Ok(raw) = Raw::document(&text) {
            let _ = (raw.value(), raw.number(), raw.whole(), raw.string(), raw.is_object(), raw.same(raw));
            prop_assert!(text.contains(raw.as_str()));
        }
    }
}
