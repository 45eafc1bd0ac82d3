//! The syntaxes of single strings, and the words of messages about them. Pure: it looks nothing up but time zones.
//!
//! Each check answers with the end of a sentence that begins with the key's name.

use super::host::{host_and_port, is_host};
use super::keys::Format;
use croner::Cron;
use croner::parser::{CronParser, Seconds};
use http::HeaderValue;
use std::net::SocketAddr;
use std::time::Duration;
use url::Url;

/// Longest string that any key takes, in bytes.
const MAX_TEXT: usize = 4096;

/// Whether `text` is of that syntax.
///
/// # Errors
///
/// The end of a sentence, such as `must start with /`. It never repeats `text`.
pub(crate) fn check(format: Format, text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("must not be empty".to_owned());
    }
    if text.len() > MAX_TEXT {
        return Err(format!("must not be longer than {MAX_TEXT} bytes"));
    }
    if text.chars().any(char::is_control) {
        return Err("must not contain control characters".to_owned());
    }
    match format {
        Format::Any | Format::File => Ok(()),
        Format::Listen => text
            .parse::<SocketAddr>()
            .map(drop)
            .map_err(|_| "must be an IP address and a port, such as \"127.0.0.1:9475\"".to_owned()),
        Format::Url => url(text),
        Format::SecretUrl => secret_url(text).map(drop),
        Format::Path => path(text, None, false),
        Format::PathWithId => path(text, Some("{id}"), false),
        Format::PathWithCall => path(text, Some("{call}"), false),
        Format::QueryWithId => path(text, Some("{id}"), true),
        Format::TokenPath if text.starts_with('/') => path(text, None, false),
        Format::TokenPath => url(text).map_err(|why| format!("is no path (it would start with /), so it {why}")),
        Format::Scope => scope(text),
        Format::HeaderValue => {
            HeaderValue::from_str(text).map(drop).map_err(|_| "must hold header values of visible characters".to_owned())
        }
        Format::ChannelId => id(text),
        Format::ChannelName => match text.chars().count() {
            3..=64 => Ok(()),
            _ => Err("must be 3 to 64 characters long".to_owned()),
        },
        Format::Host => host(text),
        Format::HostPort => host_port(text),
        Format::Cron => cron(text).map(drop).ok_or_else(|| {
            "must be a cron expression of six fields, seconds first, such as \"0 0 3 * * *\" (daily at 03:00)".to_owned()
        }),
        Format::TimeZone => jiff::tz::TimeZone::get(text).map(drop).map_err(|_| {
            "is no time zone known on this machine; write an IANA name such as \"Europe/Rome\" (and see that tzdata is installed)"
                .to_owned()
        }),
        Format::PhoneTarget => phone(text),
        Format::SinkName => {
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
            let fine = text.len() <= 64 && text.chars().all(plain);
            if fine { Ok(()) } else { Err("must have 1 to 64 letters, digits, dots, dashes or underscores".to_owned()) }
        }
    }
}

/// A cron expression: six fields, seconds first.
pub(crate) fn cron(text: &str) -> Option<Cron> {
    CronParser::builder().seconds(Seconds::Required).build().parse(text).ok()
}

/// Whether `text` may name a secret of that form.
pub(crate) fn secret_place(form: &str, text: &str) -> Result<(), String> {
    check(Format::Any, text)?;
    match form {
        "env" if text.contains('=') => Err("must be the name of an environment variable".to_owned()),
        "credential" if text.contains('/') || text == "." || text == ".." => {
            Err("must be the plain name of a systemd credential".to_owned())
        }
        _ => Ok(()),
    }
}

/// The name of a tenant, policy or codec.
pub(crate) fn name(text: &str) -> Result<(), String> {
    let fine = |c: char| !c.is_control() && !c.is_whitespace() && c != '/';
    if (1..=64).contains(&text.chars().count()) && text.chars().all(fine) {
        Ok(())
    } else {
        Err("must have 1 to 64 characters, without spaces and slashes".to_owned())
    }
}

/// Milliseconds of "250ms", "30s", "5m", "1h" or "7d".
pub(crate) fn duration(text: &str) -> Result<u64, String> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(unit_at);
    let factor = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => 0,
    };
    if digits.is_empty() || factor == 0 {
        return Err("must be a whole number and a unit, such as \"250ms\", \"30s\", \"5m\" or \"1h\"".to_owned());
    }
    Ok(digits.parse::<u64>().unwrap_or(u64::MAX).saturating_mul(factor))
}

/// A duration as the file would say it.
pub(crate) fn spell(duration: Duration) -> String {
    let ms = duration.as_millis();
    match ms {
        0 => "0s".to_owned(),
        _ if ms.is_multiple_of(3_600_000) => format!("{}h", ms / 3_600_000),
        _ if ms.is_multiple_of(60_000) => format!("{}m", ms / 60_000),
        _ if ms.is_multiple_of(1000) => format!("{}s", ms / 1000),
        _ => format!("{ms}ms"),
    }
}

/// The name that was probably meant; `None` where none is close.
pub(crate) fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    if name.len() > 128 {
        return None;
    }
    let lower = name.to_lowercase();
    known
        .map(|candidate| (strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// At most 64 characters of what stands in the file.
pub(crate) fn shorten(text: &str) -> String {
    if text.chars().count() <= 64 { text.to_owned() } else { text.chars().take(61).chain("...".chars()).collect() }
}

/// `1 channel`, `2 channels`, `1 entry`, `2 entries`.
pub(crate) fn count(n: usize, noun: &str) -> String {
    match (n, noun.strip_suffix('y')) {
        (1, _) => format!("1 {noun}"),
        (_, Some(stem)) => format!("{n} {stem}ies"),
        _ => format!("{n} {noun}s"),
    }
}

/// `"a", "b", "c"`.
pub(crate) fn listed(words: &[&str]) -> String {
    words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ")
}

/// A TOML type with its article.
pub(crate) fn article(type_name: &str) -> String {
    match type_name {
        "integer" => "a whole number".to_owned(),
        "float" => "a decimal number".to_owned(),
        "boolean" => "true or false".to_owned(),
        "array" => "an array".to_owned(),
        other => format!("a {other}"),
    }
}

fn secret_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|_| "must be a URL, such as \"https://host.example\"".to_owned())?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err("must be an http or https URL with a host".to_owned());
    }
    Ok(url)
}

fn url(text: &str) -> Result<(), String> {
    let url = secret_url(text)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not carry a user name or password".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must not carry a query or fragment".to_owned());
    }
    Ok(())
}

fn path(text: &str, placeholder: Option<&str>, query: bool) -> Result<(), String> {
    let refuse = |why: &str| Err(why.to_owned());
    if !text.starts_with('/') {
        return refuse("must be a path that starts with /");
    }
    if text.chars().any(|c| c.is_whitespace() || !c.is_ascii() || c == '#' || c == '\\')
        || (!query && text.contains('?'))
    {
        return refuse("must be a plain path of ASCII characters without spaces, query or fragment");
    }
    let plain = text.split('?').next().unwrap_or_default();
    if plain.contains("//") || plain.split('/').any(|part| part == "." || part == "..") {
        return refuse("must not contain //, /./ or /../");
    }
    let mut rest = text.to_owned();
    if let Some(placeholder) = placeholder {
        if text.matches(placeholder).count() != 1 {
            return Err(format!("must contain {placeholder} exactly once"));
        }
        rest = rest.replace(placeholder, "");
    }
    if rest.contains(['{', '}']) {
        let known = placeholder.unwrap_or("none");
        return Err(format!("has a placeholder that is not replaced here (known: {known})"));
    }
    Ok(())
}

fn scope(text: &str) -> Result<(), String> {
    // RFC 6749, section 3.3.
    if text.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5B | 0x5D..=0x7E)) {
        Ok(())
    } else {
        Err("must hold scopes without spaces, quotes and backslashes, one a string".to_owned())
    }
}

fn id(text: &str) -> Result<(), String> {
    if text == "." || text == ".." {
        return Err("must not be . or .., which a URL's path would lose".to_owned());
    }
    if text.len() > 256 || text.trim() != text {
        return Err("must be a channel id of at most 256 bytes, without spaces around it".to_owned());
    }
    Ok(())
}

fn host(text: &str) -> Result<(), String> {
    if is_host(text) {
        Ok(())
    } else {
        Err("must be a host name or an IP address, without a scheme or a port".to_owned())
    }
}

fn host_port(text: &str) -> Result<(), String> {
    if host_and_port(text).is_some_and(|(_, port)| port.is_some()) {
        Ok(())
    } else {
        Err("must be a host and a port, such as \"dns.example:53\", \"192.0.2.1:443\" or \"[2001:db8::1]:443\""
            .to_owned())
    }
}

fn phone(text: &str) -> Result<(), String> {
    if text.strip_prefix("phone:").and_then(super::target::e164).is_some() {
        Ok(())
    } else {
        Err("must be phone: and an E.164 number, such as \"phone:+12025550100\"".to_owned())
    }
}
