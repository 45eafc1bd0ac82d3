//! A quick look at an entry's text: whether it is plainly in canonical form (RFC 8785), and the fields that verification needs.
//!
//! Takes one pass and allocates nothing, which is what makes a million entries quick to verify. It knows the plain part of the
//! form only: keys of ASCII, whole numbers of up to 15 digits, no `\u` escapes. Must never take a text that is not canonical;
//! what it does not know it leaves to the full reader, which decides.

use serde_json::Value;

/// The fields of an entry that verification compares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Fields<'t> {
    pub seq: Option<u64>,
    pub prev_hash: Option<&'t str>,
    pub timestamp: Option<&'t str>,
    pub event_type: Option<&'t str>,
    pub tenant: Option<&'t str>,
    pub channel_id: Option<&'t str>,
}

impl<'t> Fields<'t> {
    /// Those of an entry that was read in full.
    pub(super) fn of(entry: &'t Value) -> Self {
        let text = |name: &str| entry.get(name).and_then(Value::as_str);
        Self {
            seq: entry.get("seq").and_then(Value::as_u64),
            prev_hash: text("prev_hash"),
            timestamp: text("timestamp"),
            event_type: text("event_type"),
            tenant: text("tenant"),
            channel_id: text("channel_id"),
        }
    }
}

/// Deeper than an entry ever is: see `chain`.
const MAX_DEPTH: usize = 80;

/// The most digits that every JSON reader carries exactly.
const MAX_DIGITS: usize = 15;

/// The fields of `text`, where it is an object that is plainly in canonical form; `None` says nothing.
pub(super) fn scan(text: &str) -> Option<Fields<'_>> {
    let mut scan = Scan { text, at: 0, fields: Fields::default() };
    scan.object(0)?;
    (scan.at == text.len()).then_some(scan.fields)
}

struct Scan<'t> {
    text: &'t str,
    at: usize,
    fields: Fields<'t>,
}

impl<'t> Scan<'t> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, wanted: u8) -> Option<()> {
        (self.peek()? == wanted).then(|| self.at += 1)
    }

    fn value(&mut self, depth: usize) -> Option<()> {
        match self.peek()? {
            _ if depth > MAX_DEPTH => None,
            b'"' => self.string().map(drop),
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            _ => self.whole().map(drop),
        }
    }

    fn object(&mut self, depth: usize) -> Option<()> {
        self.take(b'{')?;
        if self.take(b'}').is_some() {
            return Some(());
        }
        let mut before: Option<&str> = None;
        loop {
            let key = self.string()?;
            // In ASCII the order of bytes is that of UTF-16, which is the one that counts.
            if !key.is_ascii() || key.contains('\\') || before.is_some_and(|before| before >= key) {
                return None;
            }
            before = Some(key);
            self.take(b':')?;
            if depth == 0 {
                self.field(key)?;
            } else {
                self.value(depth + 1)?;
            }
            if self.take(b',').is_none() {
                return self.take(b'}');
            }
        }
    }

    fn array(&mut self, depth: usize) -> Option<()> {
        self.take(b'[')?;
        if self.take(b']').is_some() {
            return Some(());
        }
        loop {
            self.value(depth + 1)?;
            if self.take(b',').is_none() {
                return self.take(b']');
            }
        }
    }

    /// The value of a key of the entry itself.
    fn field(&mut self, key: &str) -> Option<()> {
        if key == "seq" {
            self.fields.seq = Some(self.whole()?);
            return Some(());
        }
        if !matches!(key, "prev_hash" | "timestamp" | "event_type" | "tenant" | "channel_id") {
            return self.value(1);
        }
        if self.peek()? == b'n' {
            return self.word("null");
        }
        // An escape would have to be read first.
        let text = self.string().filter(|text| !text.contains('\\'))?;
        let place = match key {
            "prev_hash" => &mut self.fields.prev_hash,
            "timestamp" => &mut self.fields.timestamp,
            "event_type" => &mut self.fields.event_type,
            "tenant" => &mut self.fields.tenant,
            _ => &mut self.fields.channel_id,
        };
        *place = Some(text);
        Some(())
    }

    /// A string's inside, as it stands there.
    fn string(&mut self) -> Option<&'t str> {
        self.take(b'"')?;
        let start = self.at;
        let bytes = self.text.as_bytes();
        loop {
            match *bytes.get(self.at)? {
                b'"' => break,
                // The short escapes are the canonical ones; of the others, most are not.
                b'\\' if matches!(bytes.get(self.at + 1)?, b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't') => {
                    self.at += 2;
                }
                b'\\' | 0..0x20 => return None,
                _ => self.at += 1,
            }
        }
        let inside = self.text.get(start..self.at)?;
        self.at += 1;
        Some(inside)
    }

    /// A whole number that is not negative: written in one way only.
    fn whole(&mut self) -> Option<u64> {
        let start = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        let digits = self.text.get(start..self.at)?;
        let plain = !digits.is_empty() && digits.len() <= MAX_DIGITS && (digits == "0" || !digits.starts_with('0'));
        // A fraction or an exponent after it is no end of a value, and stops whoever asked.
        if plain { digits.parse().ok() } else { None }
    }

    fn word(&mut self, word: &str) -> Option<()> {
        self.text.get(self.at..)?.starts_with(word).then(|| self.at += word.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::proof::chain::canonical;
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;
    use serde_json::json;

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (0_u32..5).prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "\\PC{0,6}|[\\x00-\\x20\"\\\\/\u{7f}]{0,4}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                vec(inner.clone(), 0..4).prop_map(Value::from),
                btree_map("[a-z_\u{e9}\u{1f600}\"]{0,3}", inner, 0..4)
                    .prop_map(|m| Value::Object(m.into_iter().collect())),
            ]
        })
    }

    fn entries() -> impl Strategy<Value = Value> {
        (values(), any::<u32>(), "[a-z\"é]{0,3}", any::<bool>()).prop_map(|(details, seq, tenant, has)| {
            let tenant = has.then_some(tenant);
            json!({"details": details, "seq": seq, "tenant": tenant, "event_type": "a.b", "prev_hash": "00", "timestamp": "t"})
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn what_it_takes_is_canonical_and_read_rightly(entry in entries(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let text = canonical(&entry).unwrap();
            if let Some(fields) = scan(&text) {
                prop_assert_eq!(fields.seq, entry["seq"].as_u64());
                prop_assert_eq!(fields.tenant, entry["tenant"].as_str());
                prop_assert_eq!(fields.event_type, Some("a.b"));
            }
            // With any byte changed, it takes nothing that the full reader would not.
            let mut bytes = text.into_bytes();
            let place = at.index(bytes.len());
            bytes[place] = byte;
            if let Ok(text) = String::from_utf8(bytes)
                && let Some(fields) = scan(&text)
            {
                let read: Value = serde_json::from_str(&text).unwrap();
                prop_assert_eq!(canonical(&read).unwrap(), text.as_str());
                prop_assert_eq!(fields.seq, read.get("seq").and_then(Value::as_u64));
                prop_assert_eq!(fields.tenant, read.get("tenant").and_then(Value::as_str));
            }
        }
    }

    #[test]
    fn it_takes_what_the_daemon_writes() {
        let entry =
            json!({"seq": 7, "details": {"n": [1, 2, {"a": "ключ \"q\"\n"}]}, "tenant": null, "prev_hash": "ab"});
        assert_eq!(scan(&canonical(&entry).unwrap()).unwrap().prev_hash, Some("ab"));
    }

    #[test]
    fn it_leaves_alone_what_it_does_not_know() {
        for text in [
            "",
            "{",
            "[]",
            "{} ",
            "{\"a\":01}",
            "{\"a\":1.0}",
            "{\"a\":-1}",
            "{\"a\":1e3}",
            "{\"b\":1,\"a\":1}",
            "{\"a\":1,\"a\":1}",
            "{\"a\":\"\\u0041\"}",
            "{\"a\":\"\\/\"}",
            "{\"a\": 1}",
            "{\"a\":1,}",
            "{\"a\":nul}",
            "{\"a\":1234567890123456}",
            "{\"é\":1}",
            "{\"a\":\"\n\"}",
            "{\"tenant\":\"a\\n\"}",
            "{\"seq\":\"1\"}",
        ] {
            assert_eq!(scan(text), None, "{text}");
        }
        assert_eq!(scan(&format!("{{\"a\":{}{}}}", "[".repeat(100), "]".repeat(100))), None);
    }
}
