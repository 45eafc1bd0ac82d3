//! What may be shown of the platform's own words: short, printable, and without secrets. Every text of a platform goes
//! through here once, when it is parsed.
//!
//! Must never let through: the client secret, a token, or what stands beside a word such as `password`; a character that
//! moves the cursor, begins another line, or turns the direction of what follows.

use super::endpoint::ESCAPED;
use super::raw::{REPLACEMENT, Raw, decode};
use percent_encoding::utf8_percent_encode;
use serde_json::Value;

/// Characters of an error's text at most.
const SHOWN: usize = 1024;
/// Characters of it that are looked through for words such as `password`.
const LOOKED_THROUGH: usize = 4 * SHOWN;
/// Fields that carry an error's words, best first.
const FIELDS: [&str; 5] = ["error_description", "message", "error", "detail", "title"];
/// What stands after one of these is masked, in a key as in running text.
const SENSITIVE: [&str; 7] = ["password", "passwd", "secret", "token", "authorization", "bearer", "apikey"];
const MASK: &str = "***";

/// The error text of a JSON body, scrubbed of `secrets` and of the body's own; `None` where it has none.
pub fn error_text(body: &[u8], secrets: &[&str]) -> Option<String> {
    let value: Value = parse_small(body)?;
    let mut hidden = Vec::new();
    collect_sensitive(&value, &mut hidden);
    let said: Vec<&str> = FIELDS.iter().filter_map(|field| words(value.get(field)?)).collect();
    let text = match value.get("error").and_then(Value::as_str) {
        Some(code) if said.first().is_some_and(|first| *first != code) => {
            format!("{code}: {}", said.first().copied().unwrap_or_default())
        }
        _ => (*said.first()?).to_owned(),
    };
    let field = ["field", "path", "property"].iter().find_map(|name| value.get(name)?.as_str());
    let text = match field.filter(|field| !text.contains(*field)) {
        Some(field) => format!("{text} (field {field})"),
        None => text,
    };
    let all: Vec<&str> = secrets.iter().copied().chain(hidden.iter().map(String::as_str)).collect();
    Some(shown(&text, &all))
}

/// The values of `value` that stand under a key such as `password`.
pub fn sensitive_in(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect_sensitive(value, &mut found);
    found
}

/// `text` on one line, scrubbed of `secrets` and of what follows a sensitive word, then cut.
pub fn shown(text: &str, secrets: &[&str]) -> String {
    let mut text = text.to_owned();
    let mut longest_first: Vec<&str> = secrets.iter().copied().filter(|secret| !secret.is_empty()).collect();
    longest_first.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    for secret in longest_first {
        text = text.replace(secret, MASK);
        let encoded = utf8_percent_encode(secret, ESCAPED).to_string();
        text = text.replace(&encoded, MASK);
    }
    let end = text.char_indices().nth(LOOKED_THROUGH).map_or(text.len(), |(end, _)| end);
    text.truncate(end);
    let text = mask_after_words(&text);
    let printable = |c| match c {
        '\n' | '\r' | '\t' => ' ',
        c if is_hostile(c) => REPLACEMENT,
        c => c,
    };
    text.chars().map(printable).take(SHOWN).collect()
}

/// `text` of `most` characters at most, hostile characters replaced. Whether anything was changed.
pub fn clean(text: &str, most: usize) -> (String, bool) {
    let mut chars = text.chars();
    let cleaned: String = chars.by_ref().take(most).map(|c| if is_hostile(c) { REPLACEMENT } else { c }).collect();
    let changed = !chars.as_str().is_empty() || !is_clean(text);
    (cleaned, changed)
}

/// Whether [`clean`] would leave its characters alone.
pub fn is_clean(text: &str) -> bool {
    !text.chars().any(|c| c == REPLACEMENT || is_hostile(c))
}

/// Control characters, those that end a line, turn its direction or are not seen at all, and those that stand for nothing.
fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// An error body worth reading is small; a large one is not looked into.
fn parse_small(body: &[u8]) -> Option<Value> {
    if body.len() > 64 * 1024 {
        return None;
    }
    let (text, _) = decode(body);
    Raw::document(&text).ok().map(Raw::value)
}

fn words(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        Value::Object(fields) => fields.get("message")?.as_str(),
        _ => None,
    }
}

fn is_sensitive(key: &str) -> bool {
    let key: String = key.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    SENSITIVE.iter().any(|word| key.contains(word))
}

fn collect_sensitive(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                match value {
                    Value::String(text) if is_sensitive(key) => into.push(text.clone()),
                    Value::Number(number) if is_sensitive(key) => into.push(number.to_string()),
                    other => collect_sensitive(other, into),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect_sensitive(item, into)),
        _ => {}
    }
}

/// Masks the value in `password=x`, `"secret": "x"`, `Bearer x`: the run after the word and its separators. A word in plain
/// prose (`the password is wrong`) is followed by a space alone and stays, except after `bearer`.
fn mask_after_words(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let mut out = String::new();
    let mut at = 0;
    while let Some((start, word)) =
        SENSITIVE.iter().filter_map(|word| Some((lower.get(at..)?.find(word)? + at, *word))).min()
    {
        let name_end = start + word.len();
        let rest = lower.get(name_end..).unwrap_or_default();
        let gap = rest.len() - rest.trim_start_matches(|c: char| " \"':=\\\t".contains(c)).len();
        let separators = rest.get(..gap).unwrap_or_default();
        let value_at = name_end + gap;
        let keyed = separators.contains([':', '=']) || (word == "bearer" && gap > 0);
        out.push_str(text.get(at..value_at).unwrap_or_default());
        at = value_at;
        if keyed {
            let value = text.get(value_at..).unwrap_or_default();
            let end = value.find(|c: char| c.is_whitespace() || "\"',;&}\\".contains(c)).unwrap_or(value.len());
            // `Authorization: Bearer x`: the scheme is a word of its own, and the next round masks what it names.
            if end > 0 && !value.get(..end).is_some_and(|v| v.eq_ignore_ascii_case("bearer")) {
                out.push_str(MASK);
                at += end;
            }
        }
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_wherever_the_platform_repeats_them() {
        for (text, expected) in [
            ("nothing to hide", "nothing to hide"),
            ("the password is wrong", "the password is wrong"),
            ("password=hunter2&user=u", "password=***&user=u"),
            (r#"{"username":"u","password":"hunter2"}"#, r#"{"username":"u","password":"***"}"#),
            (r#"{\"password\": \"hunter2\"}"#, r#"{\"password\": \"***\"}"#),
            ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
            ("bad bearer abc", "bad bearer ***"),
            ("access_token: abc, client_secret: def", "access_token: ***, client_secret: ***"),
            ("canary and p%3Dq", "*** and ***"),
            ("PASSWORD = Hunter2 é", "PASSWORD = *** é"),
            ("password=", "password="),
        ] {
            assert_eq!(shown(text, &["canary", "p=q", ""]), expected);
        }
    }

    #[test]
    fn words_are_found_where_platforms_put_them_and_nested_secrets_masked() {
        for (body, expected) in [
            (r#"{"message": "no"}"#, Some("no")),
            (r#"{"error": {"message": "no"}}"#, Some("no")),
            (r#"{"error": "invalid_scope", "error_description": "no"}"#, Some("invalid_scope: no")),
            (r#"{"error": "invalid_scope"}"#, Some("invalid_scope")),
            (r#"{"detail": "x hunter2 y", "in": [{"SIP-Password": "hunter2"}]}"#, Some("x *** y")),
            (r#"{"detail": "x 4711 y", "api_token": 4711}"#, Some("x *** y")),
            (r#"{"message": "too low", "field": "sip_port"}"#, Some("too low (field sip_port)")),
            (r#"{"message": "sip_port is too low", "field": "sip_port"}"#, Some("sip_port is too low")),
            (r#"{"message": 7}"#, None),
            (r#"{"message": "no\ud800", "code": NaN}"#, Some("no\u{fffd}")),
            ("\u{feff}{\"message\": \"no\"}", Some("no")),
            ("[]", None),
            ("<html>", None),
        ] {
            assert_eq!(error_text(body.as_bytes(), &[]).as_deref(), expected, "{body}");
        }
    }

    #[test]
    fn a_text_is_cut_and_nothing_in_it_moves_the_cursor_or_turns_the_line() {
        for (text, cleaned, changed) in [
            ("healthy", "healthy", false),
            ("sch\u{f6}n \u{1f600}", "sch\u{f6}n \u{1f600}", false),
            ("a\nb\u{1b}[2Jc", "a\u{fffd}b\u{fffd}[2Jc", true),
            ("a\u{202e}b\u{2066}c\u{200f}\u{85}\u{7f}", "a\u{fffd}b\u{fffd}c\u{fffd}\u{fffd}\u{fffd}", true),
            ("a\u{fffd}", "a\u{fffd}", true),
            ("0123456789x", "0123456789", true),
            ("", "", false),
        ] {
            assert_eq!(clean(text, 10), (cleaned.to_owned(), changed), "{text:?}");
        }
        assert_eq!(shown("a\nb\u{1b}[2J\u{202e}c", &[]), "a b\u{fffd}[2J\u{fffd}c");
        assert_eq!(shown(&"x".repeat(5000), &[]).len(), SHOWN);
        assert_eq!(shown(&"token ".repeat(10_000), &[]).len(), SHOWN, "at once");
    }

    proptest::proptest! {
        #[test]
        fn a_known_secret_never_survives(before in ".{0,40}", secret in "[a-zA-Z0-9=+/]{6,40}", after in ".{0,40}") {
            let text = shown(&format!("{before}{secret}{after}"), &[&secret]);
            proptest::prop_assert!(!text.contains(&secret));
        }
    }
}
