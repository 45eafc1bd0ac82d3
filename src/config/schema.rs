//! The JSON Schema (draft 2020-12) of the configuration file, for editors: printed from the same table of keys that
//! the reader checks by.

use super::keys::{Default, Format, Kind, Row, Table, root};
use serde_json::{Map, Value, json};

/// The schema of the main file. An included file may hold a part of the same tables.
pub fn schema() -> Value {
    let mut root = table(&root::TABLE);
    if let Value::Object(map) = &mut root {
        map.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        map.insert("title".to_owned(), json!("trunkwarden.toml"));
        map.insert("$defs".to_owned(), definitions());
    }
    root
}

fn definitions() -> Value {
    let place = |key: &str, doc: &str| {
        json!({
            "type": "object", "required": [key], "additionalProperties": false,
            "properties": { key: { "type": "string", "minLength": 1, "description": doc } }
        })
    };
    json!({
        "duration": { "type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$", "examples": ["250ms", "30s", "5m", "1h"] },
        "secret": {
            "description": "Where to find the secret; never the secret itself.",
            "oneOf": [
                place("file", "A file; a trailing newline does not count."),
                place("env", "An environment variable."),
                place("credential", "A systemd credential."),
            ]
        }
    })
}

fn table(table: &'static Table) -> Value {
    let properties: Map<String, Value> = table.keys.iter().map(|key| (key.name.to_owned(), property(key))).collect();
    let required: Vec<&str> =
        table.keys.iter().filter(|key| matches!(key.default, Default::Required)).map(|key| key.name).collect();
    let mut out = json!({
        "type": "object", "description": table.doc, "properties": properties, "additionalProperties": false
    });
    if !required.is_empty()
        && let Value::Object(map) = &mut out
    {
        map.insert("required".to_owned(), json!(required));
    }
    out
}

fn property(key: &'static Row) -> Value {
    let mut out = kind(&key.kind);
    if let Value::Object(map) = &mut out {
        map.insert("description".to_owned(), json!(key.doc));
        if let Default::Toml(text) = key.default
            && let Some(default) = json_of(text)
        {
            map.insert("default".to_owned(), default);
        }
    }
    out
}

fn json_of(toml_value: &str) -> Option<Value> {
    let table: toml::Table = toml::from_str(&format!("value = {toml_value}")).ok()?;
    serde_json::to_value(table.get("value")?).ok()
}

fn kind(of: &'static Kind) -> Value {
    match of {
        Kind::Text(format) => text(*format),
        Kind::Word(words) => json!({ "type": "string", "enum": words }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Whole(min, max) => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Kind::Number(min, max) => json!({ "type": "number", "minimum": min, "maximum": max }),
        Kind::Duration(_) => json!({ "$ref": "#/$defs/duration" }),
        Kind::Secret => json!({ "$ref": "#/$defs/secret" }),
        Kind::List(item, least) => json!({ "type": "array", "items": kind(item), "minItems": least }),
        Kind::TextOrSecret(format) => json!({ "oneOf": [text(*format), kind(&Kind::Secret)] }),
        Kind::Headers => json!({
            "type": "object",
            "additionalProperties": { "oneOf": [text(Format::HeaderValue), kind(&Kind::Secret)] }
        }),
        Kind::Table(inner) => table(inner),
        Kind::Tables(inner, 0) => json!({ "type": "array", "items": table(inner) }),
        Kind::Tables(inner, least) => json!({ "type": "array", "items": table(inner), "minItems": least }),
        Kind::Named(inner) => json!({ "type": "object", "additionalProperties": table(inner) }),
    }
}

fn text(format: Format) -> Value {
    match format {
        Format::ChannelName => json!({ "type": "string", "minLength": 3, "maxLength": 64 }),
        Format::Url => json!({ "type": "string", "pattern": "^https?://" }),
        Format::Path | Format::PathWithId | Format::PathWithCall | Format::QueryWithId => {
            json!({ "type": "string", "pattern": "^/" })
        }
        Format::SinkName => json!({ "type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$" }),
        Format::PhoneTarget => json!({ "type": "string", "pattern": "^phone:\\+[1-9][0-9]{6,14}$" }),
        _ => json!({ "type": "string", "minLength": 1 }),
    }
}
