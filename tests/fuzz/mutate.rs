//! Documents that are almost right: a real one, changed as careless writers, proxies and attackers change it.

use arbtest::arbitrary::{Result, Unstructured};
use serde_json::{Value, json};

/// What a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Json,
    Toml,
    Lines,
    Binary,
}

/// A changed copy of one of `corpus`.
pub fn changed(u: &mut Unstructured<'_>, form: Form, corpus: &[Vec<u8>]) -> Result<Vec<u8>> {
    let mut bytes = u.choose(corpus)?.clone();
    if form == Form::Json
        && u.ratio(4, 5)?
        && let Ok(mut value) = serde_json::from_slice::<Value>(&bytes)
    {
        for _ in 0..u.int_in_range(1..=4)? {
            let target = u.int_in_range(0..=count(&value).saturating_sub(1))?;
            change_node(u, &mut value, target)?;
        }
        bytes = value.to_string().into_bytes();
        if u.ratio(1, 3)? {
            bytes = by_text(u, &bytes)?;
        }
    } else if matches!(form, Form::Toml | Form::Lines) {
        for _ in 0..u.int_in_range(1..=3)? {
            bytes = by_lines(u, form, &bytes)?;
        }
    }
    if form == Form::Binary || u.ratio(1, 4)? {
        for _ in 0..u.int_in_range(1..=4)? {
            by_bytes(u, &mut bytes, corpus)?;
        }
    }
    Ok(bytes)
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(values) => values.iter().map(count).sum(),
        Value::Object(fields) => fields.values().map(count).sum(),
        _ => 0,
    }
}

/// Changes the node that is `nth` in order.
fn change_node(u: &mut Unstructured<'_>, value: &mut Value, nth: usize) -> Result<()> {
    if nth == 0 {
        return change(u, value);
    }
    let mut left = nth - 1;
    let children: Vec<&mut Value> = match value {
        Value::Array(values) => values.iter_mut().collect(),
        Value::Object(fields) => fields.values_mut().collect(),
        _ => return Ok(()),
    };
    for child in children {
        let size = count(child);
        if left < size {
            return change_node(u, child, left);
        }
        left -= size;
    }
    Ok(())
}

fn change(u: &mut Unstructured<'_>, value: &mut Value) -> Result<()> {
    match (u.int_in_range(0..=9)?, &mut *value) {
        (0, Value::Object(fields)) if !fields.is_empty() => {
            let names: Vec<String> = fields.keys().cloned().collect();
            fields.remove(u.choose(&names)?);
        }
        (1, Value::Object(fields)) if !fields.is_empty() => {
            let names: Vec<String> = fields.keys().cloned().collect();
            let (from, to) = (u.choose(&names)?, u.choose(&names)?);
            let moved = fields.remove(from).unwrap_or(Value::Null);
            fields.insert(to.clone(), moved);
        }
        (2, Value::Object(fields)) => _ = fields.insert(text(u)?, odd(u)?),
        (0, Value::Array(values)) if !values.is_empty() => {
            let at = u.choose_index(values.len())?;
            values.remove(at);
        }
        (1, Value::Array(values)) if !values.is_empty() => {
            let at = u.choose_index(values.len())?;
            let again = values[at].clone();
            let times = *u.choose(&[1_usize, 2, 60])?;
            values.extend(std::iter::repeat_n(again, times));
        }
        (2, Value::Array(values)) => values.push(odd(u)?),
        (3, _) => *value = json!([value.take()]),
        (4, Value::Number(number)) => *value = json!(number.to_string()),
        (4, Value::String(text)) => {
            if let Ok(number) = text.parse::<f64>() {
                *value = json!(number);
            }
        }
        (5, Value::String(was)) => was.push_str(&text(u)?),
        _ => *value = odd(u)?,
    }
    Ok(())
}

fn odd(u: &mut Unstructured<'_>) -> Result<Value> {
    Ok(match u.int_in_range(0..=13)? {
        0 => Value::Null,
        1 => json!(u.arbitrary::<bool>()?),
        2 => json!(""),
        3 => json!(u.arbitrary::<i64>()?),
        4 => json!(u.choose(&[0.0, -0.0, 1.0, 1.5, -1.0, 1e-320, 1e300, 4_294_967_296.0, 1_795_251_300_000.0])?),
        5 => json!([]),
        6 => json!({}),
        7 => json!(text(u)?),
        8 => json!(text(u)?.repeat(*u.choose(&[300, 5_000, 70_000])?)),
        9 => nested(*u.choose(&[3, 100, 126, 127, 128, 200])?),
        10 => json!(u.choose(&[
            "ch-0001",
            "ch-0002",
            "healthy",
            "unhealthy",
            "active",
            "OPUS",
            "2026-11-21T08:55:00Z"
        ])?),
        11 => json!(u.choose(&[
            "1795251300",
            "1795251300000",
            "2026-11-21T08:55:00",
            "2026-11-21 08:55",
            "P1D",
            "99999-01-01T00:00:00Z"
        ])?),
        12 => json!({"id": "ch-0001", "name": "x", "priority": 1, "value": "y"}),
        _ => json!(u64::MAX),
    })
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(json!(1), |inner, level| if level % 2 == 0 { json!([inner]) } else { json!({ "a": inner }) })
}

fn text(u: &mut Unstructured<'_>) -> Result<String> {
    let odd = [
        "\u{0}",
        "\n",
        "\u{1b}[31m",
        "\u{202e}",
        "\u{feff}",
        "\u{7f}",
        "é",
        "😀",
        "<script>",
        "../..",
        "%00",
        "\"",
        " ",
        "configuration",
        "id",
    ];
    if u.ratio(2, 3)? {
        Ok((*u.choose(&odd)?).to_owned())
    } else {
        Ok(u.arbitrary::<String>()?.chars().take(40).collect())
    }
}

/// What no tree of values can say.
fn by_text(u: &mut Unstructured<'_>, bytes: &[u8]) -> Result<Vec<u8>> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let digit = text.find(|c: char| c.is_ascii_digit());
    let quote = text.rfind('"');
    Ok(match u.int_in_range(0..=10)? {
        0 => [b"\xef\xbb\xbf", bytes].concat(),
        1 => replaced(&text, digit, u.choose(&["NaN", "-Infinity", "1e999", "00", "+1", "0x10", "1."])?),
        2 => inserted(&text, quote, u.choose(&["\\ud800", "\\udc00\\ud800", "\\u0000", "\\x", "\\ud83d\\ude00"])?),
        3 => text.replacen('{', "{\"id\":\"twice\",", 1).into_bytes(),
        4 => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        5 => [bytes, b"\n\n{}"].concat(),
        6 => text.replace(':', " :\t\r\n ").into_bytes(),
        7 => [b")]}',\n", bytes].concat(),
        8 => text.replace("true", "True").replace("null", "undefined").into_bytes(),
        // Deeper than a tree could be written without running out of stack.
        9 => text.replacen(':', &format!(":{}", "[".repeat(100_000)), 1).into_bytes(),
        _ => text.replacen("\"id\"", "\"\\u0069d\"", 1).into_bytes(),
    })
}

fn replaced(text: &str, at: Option<usize>, with: &str) -> Vec<u8> {
    at.map_or_else(|| text.to_owned(), |at| format!("{}{with}{}", &text[..at], &text[at + 1..])).into_bytes()
}

fn inserted(text: &str, at: Option<usize>, what: &str) -> Vec<u8> {
    at.map_or_else(|| text.to_owned(), |at| format!("{}{what}{}", &text[..at], &text[at..])).into_bytes()
}

fn by_lines(u: &mut Unstructured<'_>, form: Form, bytes: &[u8]) -> Result<Vec<u8>> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    let at = u.choose_index(lines.len().max(1))?;
    let other = u.choose_index(lines.len().max(1))?;
    match u.int_in_range(0..=6)? {
        0 => _ = lines.remove(at),
        1 => lines.insert(at, lines[other].clone()),
        2 => lines.swap(at, other),
        3 if form == Form::Toml => {
            let name = lines[at].split('=').next().unwrap_or_default().to_owned();
            lines[at] = format!("{name}= {}", toml_value(u)?);
        }
        4 => lines[at].push_str(&self::text(u)?),
        5 => lines[at] = lines[at].chars().rev().collect(),
        _ => lines[at] = self::text(u)?.repeat(*u.choose(&[1, 20, 3_000])?),
    }
    Ok(lines.join("\n").into_bytes())
}

fn toml_value(u: &mut Unstructured<'_>) -> Result<String> {
    let odd = [
        "1",
        "-1",
        "0",
        "1.5",
        "nan",
        "inf",
        "9223372036854775807",
        "true",
        "\"\"",
        "\"5s\"",
        "\"1h 1m\"",
        "\"99999999h\"",
        "[]",
        "{}",
        "[[]]",
        "{ env = \"X\" }",
        "{ file = \"\" }",
        "{ env = \"X\", file = \"y\" }",
        "\"\"\"\nmany\nlines\"\"\"",
        "1979-05-27",
        "[\"ch-0001\", 1]",
        "\"* * * * * *\"",
        "\"+4930123456\"",
        "'\\'",
        "\"\\ud800\"",
        "\"http://u:p@h/\"",
    ];
    if u.ratio(4, 5)? { Ok((*u.choose(&odd)?).to_owned()) } else { Ok(format!("\"{}\"", text(u)?)) }
}

fn by_bytes(u: &mut Unstructured<'_>, bytes: &mut Vec<u8>, corpus: &[Vec<u8>]) -> Result<()> {
    if bytes.is_empty() {
        bytes.push(u.arbitrary()?);
        return Ok(());
    }
    let at = u.choose_index(bytes.len())?;
    match u.int_in_range(0..=5)? {
        0 => bytes[at] ^= 1 << u.int_in_range(0..=7_u8)?,
        1 => bytes[at] = u.arbitrary()?,
        2 => bytes.truncate(at),
        3 => bytes.insert(at, *u.choose(&[0, 0xff, b'"', b'{', b'[', b'\\', b'\n', 0xc3])?),
        4 => {
            let other = u.choose(corpus)?;
            let from = u.choose_index(other.len().max(1))?;
            bytes.truncate(at);
            bytes.extend_from_slice(&other[from..]);
        }
        _ => {
            let end = (at + u.int_in_range(1..=64)?).min(bytes.len());
            bytes.drain(at..end);
        }
    }
    Ok(())
}
